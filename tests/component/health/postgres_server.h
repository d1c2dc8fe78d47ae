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

#include "common/config/config.h"

namespace pgpool::test {

class PostgresServer {
public:
    // Both throw std::runtime_error with the server's log when it cannot be started.
    [[nodiscard]] static std::unique_ptr<PostgresServer> primary(std::string name);
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
    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] std::string socket_directory() const { return root_.string(); }

private:
    PostgresServer(std::string name, std::filesystem::path root, std::uint16_t port);
    [[nodiscard]] std::filesystem::path data() const { return root_ / "data"; }
    [[nodiscard]] int postmaster() const;
    void configure() const;

    std::string name_;
    std::filesystem::path root_;
    std::uint16_t port_;
};

// A port of the range of these tests that nobody listens on.
[[nodiscard]] std::uint16_t free_port();

}  // namespace pgpool::test
