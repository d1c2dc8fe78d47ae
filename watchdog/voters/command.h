// SPDX-License-Identifier: PostgreSQL
#pragma once

// A dangerous command for a node, in its lease session, and what became of it.

#include <cstdint>
#include <string>

namespace pgpool::voters {

// The search_path of a lease session is pg_catalog: all other names must tell their schema.
struct Command {
    enum class Guard : std::uint8_t {
        ServerClock,  // `sql` is an expression; the server evaluates it only before the end by its own clock
        None,         // `sql` is a statement that cannot be wrapped, as ALTER SYSTEM: harmless by itself
    };
    std::string sql;
    Guard guard = Guard::ServerClock;
};

struct CommandOutcome {
    enum class Kind : std::uint8_t {
        Done,     // it took effect; `text`: its value
        Failed,   // the server refused it; `text`: why
        TooLate,  // the server's clock forbade it
        NotRun,   // it was not sent; `text`: why
        InDoubt,  // it was sent, and the session ended before the answer
    };
    Kind kind = Kind::NotRun;
    std::string text;
};

}  // namespace pgpool::voters
