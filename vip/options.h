// SPDX-License-Identifier: PostgreSQL
#pragma once

// The command line.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

namespace pgpool::vip {

enum class Command : std::uint8_t { None, Hold, Probe, List, Clean, Clients };

enum class ExitCode : std::uint8_t {
    Done = 0,
    No = 1,       // hold: not taken, or lost; probe: somebody answers
    Usage = 2,    // command line or configuration
    Refused = 3,  // the kernel said no, or a privilege is missing
};

struct Options {
    Command command = Command::None;
    std::string config = "/etc/pgpool/appliance.yaml";
    bool is_check = false;
    bool is_dry_run = false;
    bool is_json = false;
    std::string user = "pgpool";  // without a command: whom root becomes

    double seconds = 0;        // hold
    bool is_graceful = false;  // hold: the holder before has let go
    std::string clients;       // hold: file of connections, as `clients` prints them; empty: none
};

// Adds commands and options to `app`; parsing it fills `options`, which must outlive it.
void declare_options(CLI::App& app, Options& options);

}  // namespace pgpool::vip
