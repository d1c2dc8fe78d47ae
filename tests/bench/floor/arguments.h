// SPDX-License-Identifier: PostgreSQL
#pragma once

// What bench_floor is told on its command line: the options of pgbench that tests/bench gives, --other and
// --epoch.

#include <cstdint>
#include <string>

namespace pgpool::floor {

enum class Script { Update, Tpcb };

struct Arguments {
    std::string host = "127.0.0.1";
    std::string port;         // of main
    std::string other;        // port of the other node
    std::uint64_t epoch = 0;  // of the markers
    std::string user = "bench";
    std::string database = "bench";
    Script script = Script::Update;
    bool prepared = false;
    int clients = 1;
    int seconds = 4;
    int scale = 1;
    std::string log_prefix;
    double sampling = 1.0;
};

// Ends the program with a word about what is wrong.
[[nodiscard]] Arguments parse_arguments(int argc, char** argv);

}  // namespace pgpool::floor
