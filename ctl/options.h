// SPDX-License-Identifier: PostgreSQL
#pragma once

// The command line.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "ctl/outcome.h"

namespace pgpool::ctl {

enum class Command : std::uint8_t {
    Nodes,
    Show,
    Attach,
    Detach,
    CheckNodes,
    PrepareNodes,
    Verify,
    Status,
    Why,
    Log,
    Fsm,
    Switchover,
    Promote,
    Maintenance,
    Pause,
    Resume,
    Vip,
    Lease,
    Reload,
    Doctor,
    Setup,
    Help,
};

enum class TableForm : std::uint8_t { Text, Dot, Mermaid };

struct Options {
    Command command = Command::Nodes;
    std::string config = "/etc/pgpool/appliance.yaml";
    std::string user;  // of the console; empty: the first of admin.users
    bool is_json = false;

    std::vector<std::string> words;      // show
    std::string topic;                   // help: a command; empty: all
    std::string node;                    // attach, detach, switchover, promote
    bool is_forced = false;              // attach: the operator knows that the node holds the same data;
                                         // promote: data may be lost; setup: files of others are replaced
    bool verifies = false;               // attach: compare first
    std::string reason;                  // detach, maintenance, pause
    std::vector<std::string> databases;  // prepare-nodes, verify; empty: all
    bool print_only = false;             // prepare-nodes, setup
    std::vector<std::string> tables;     // verify; empty: all
    std::uint32_t chunk = 10'000;        // verify: rows of one comparison
    std::uint32_t tries = 10;            // verify: comparisons before a difference counts
    bool hide_progress = false;          // verify
    bool waits = false;                  // switchover, promote: until it is over
    std::optional<double> watch;         // status: seconds between two looks
    std::uint32_t count = 20;            // why
    TableForm form = TableForm::Text;    // fsm
    std::string verb;                    // maintenance: on, off; vip: move; lease: release, force
    std::string member;                  // vip move
    milliseconds duration{0};            // maintenance on, pause; 0: the default
    bool is_confirmed = false;           // lease force
    bool only_checks = false;            // setup
    bool makes_key = false;              // setup
    std::string directory = "/etc/corosync";  // setup, doctor
};

// A command of that name, which parsing sets.
CLI::App* add_command(CLI::App& app, Options& options, Command command, const char* name, const char* help);

// Adds commands and options to `app`; parsing it fills `options`, which must outlive it.
void declare_options(CLI::App& app, Options& options);

// What CLI11 has refused, in words of ours.
[[nodiscard]] Failure refusal_of(const CLI::App& app, const CLI::ParseError& error);

// The text of --help, of the whole or of the command options.topic.
[[nodiscard]] Outcome<std::string> help_text(const CLI::App& app, const Options& options);

}  // namespace pgpool::ctl
