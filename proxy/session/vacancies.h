// SPDX-License-Identifier: PostgreSQL
#pragma once

// Databases that must have no sessions for a while (exec::Vacancy), across all workers: which they are, and
// one session's wish for one.

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "proxy/exec/vacancy.h"

namespace pgpool::session {

class Worker;
struct Shared;

// Of a database, in one worker.
struct Occupants {
    std::vector<std::string> users;  // of clients
    bool are_leaving = false;        // connections that were told to end
};

// Threads: any.
class VacatedDatabases {
public:
    void add(const std::string& database);
    void remove(const std::string& database);
    [[nodiscard]] bool has(const std::string& database) const;

private:
    std::atomic<std::uint32_t> count_{0};
    mutable std::mutex mutex_;  // guards what follows
    std::map<std::string, std::uint32_t> wishes_;
};

// Made and asked on the worker of its session; every worker adds its part on its own thread. Whoever lets it
// go last, the database may be used again from then on; what was known of its catalogs is not relied upon.
class AskedVacancy final : public exec::Vacancy, public std::enable_shared_from_this<AskedVacancy> {
public:
    [[nodiscard]] static std::shared_ptr<AskedVacancy> ask(Worker& home, std::uint64_t client,
                                                           const sql::DatabaseUse& use);
    AskedVacancy(Worker& home, std::uint64_t client, sql::DatabaseUse use);
    ~AskedVacancy() override;

    [[nodiscard]] const sql::DatabaseUse& use() const override { return use_; }
    [[nodiscard]] State state() const override;
    [[nodiscard]] std::vector<std::string> users() const override;
    void look_again() override { ask_workers(false); }
    void end_sessions() override { ask_workers(true); }

private:
    void ask_workers(bool ends_clients);
    void add(const Occupants& part);

    Shared& shared_;
    const std::uint32_t home_;
    const std::uint64_t client_;
    const sql::DatabaseUse use_;
    mutable std::mutex mutex_;  // guards what follows
    std::uint32_t awaited_ = 0;
    Occupants found_;  // each user once
};

}  // namespace pgpool::session
