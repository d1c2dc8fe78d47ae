// SPDX-License-Identifier: PostgreSQL
#pragma once

// Vacancy: a database that a statement needs without sessions: DROP DATABASE and its kin. As long as one
// lives the proxy makes no connection there, and those that no client holds are closed, on all nodes.
// Threads: of the session that has asked for it.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "proxy/sql/statement.h"

namespace pgpool::exec {

class Vacancy {
public:
    // Leaving: nobody is there but connections that nodes have been told to close. InUse: clients are.
    enum class State : std::uint8_t { Asked, Vacant, Leaving, InUse };

    Vacancy() = default;
    Vacancy(const Vacancy&) = delete;
    Vacancy& operator=(const Vacancy&) = delete;
    virtual ~Vacancy() = default;

    [[nodiscard]] virtual const sql::DatabaseUse& use() const = 0;
    [[nodiscard]] virtual State state() const = 0;
    [[nodiscard]] virtual std::vector<std::string> users()
        const = 0;                    // whose sessions are there, once for each
    virtual void look_again() = 0;    // REQUIRES: not Asked, as below
    virtual void end_sessions() = 0;  // of those clients; and looks again
};

// What a session does about those that it needs, in one transaction.
struct Vacating {
    enum class Force : std::uint8_t { Unknown, Asked, Allowed };
    std::vector<std::shared_ptr<Vacancy>> held;
    TimePoint since;    // it waits for the last one
    TimePoint look_at;  // not before
    Force force = Force::Unknown;
    bool is_cancelled = false;
};

}  // namespace pgpool::exec
