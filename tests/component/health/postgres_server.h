// SPDX-License-Identifier: PostgreSQL
#pragma once

// PostgresServer: a temporary PostgreSQL server on the loopback, gone with its object, however a test ends.
//
// Run by root it runs as the user postgres. PGPOOL_PG_BINDIR names another installation.

#include <signal.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/unique_fd.h"
#include "common/config/config.h"

namespace pgpool::test {

// A port of the range of these tests that nobody listens on, and that no other test run on this machine gets
// while the object lives: a lock on a file of its number, as tests/support/ports.py has it.
class ReservedPort {
public:
    ReservedPort();  // throws std::runtime_error when all are taken

    [[nodiscard]] std::uint16_t number() const { return number_; }

private:
    std::uint16_t number_ = 0;
    UniqueFd lock_;
};

class PostgresServer {
public:
    // All throw std::runtime_error with the server's log when it cannot be started. All primaries of a test
    // program are copies of one cluster, for speed, except for a stranger.
    [[nodiscard]] static std::unique_ptr<PostgresServer> primary(std::string name);
    [[nodiscard]] static std::unique_ptr<PostgresServer> stranger(std::string name);
    [[nodiscard]] std::unique_ptr<PostgresServer> standby(std::string name) const;  // streams from this

    ~PostgresServer();
    PostgresServer(const PostgresServer&) = delete;
    PostgresServer& operator=(const PostgresServer&) = delete;

    void start();
    void stop();                        // fast shutdown
    void kill_postmaster() const;       // SIGKILL
    void signal_all(int signal) const;  // the postmaster and every process of the server
    void promote() const;               // asks for it, does not wait
    void psql(std::string_view sql, std::string_view database = "postgres") const;
    void allow_only_password(std::string_view role) const;  // scram for this role, then reloads

    [[nodiscard]] config::Node node() const;
    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] std::uint16_t port() const { return port_.number(); }
    [[nodiscard]] std::string socket_directory() const { return root_.string(); }

private:
    PostgresServer(std::string name, std::filesystem::path root);
    [[nodiscard]] std::filesystem::path data() const { return root_ / "data"; }
    [[nodiscard]] int postmaster() const;
    void configure() const;

    std::string name_;
    std::filesystem::path root_;
    ReservedPort port_;
};

}  // namespace pgpool::test
