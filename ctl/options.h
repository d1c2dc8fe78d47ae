// SPDX-License-Identifier: PostgreSQL
#pragma once

// The command line.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "ctl/outcome.h"

namespace pgpool::ctl {

enum class Command : std::uint8_t { Nodes, Show, Attach, Detach, CheckNodes, PrepareNodes, Verify, Help };

struct Options {
    Command command = Command::Nodes;
    std::string config = "/etc/pgpool/appliance.yaml";
    std::string user;  // of the console; empty: the first of admin.users
    bool is_json = false;

    std::vector<std::string> words;      // show
    std::string topic;                   // help: a command; empty: all
    std::string node;                    // attach, detach
    bool is_forced = false;              // attach: the operator knows that the node holds the same data
    bool verifies = false;               // attach: compare first
    std::string reason;                  // detach
    std::vector<std::string> databases;  // prepare-nodes, verify; empty: all
    bool print_only = false;             // prepare-nodes
    std::vector<std::string> tables;     // verify; empty: all
    std::uint32_t chunk = 10'000;        // verify: rows of one comparison
    std::uint32_t tries = 10;            // verify: comparisons before a difference counts
    bool hide_progress = false;          // verify
};

// Adds commands and options to `app`; parsing it fills `options`, which must outlive it.
void declare_options(CLI::App& app, Options& options);

// What CLI11 has refused, in words of ours.
[[nodiscard]] Failure refusal_of(const CLI::App& app, const CLI::ParseError& error);

// The text of --help, of the whole or of the command options.topic.
[[nodiscard]] Outcome<std::string> help_text(const CLI::App& app, const Options& options);

}  // namespace pgpool::ctl
