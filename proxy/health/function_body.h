// SPDX-License-Identifier: PostgreSQL
#pragma once

// What the text of a function in SQL or PL/pgSQL may do to its session, judged by its words alone. Pure.
//
// Conservative: a word that could begin a statement with an effect on the session (SET, LISTEN, PREPARE,
// CREATE, EXECUTE ...) forbids the whole body, also where it is only a column's name. What remains is decided
// by the functions it calls and the relations it names. SET is allowed inside of UPDATE, DO in ON CONFLICT.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pgpool::health {

struct CalledFunction {
    std::string schema;  // empty: by search_path
    std::string name;
    bool may_be_syntax = false;  // a keyword or a built-in type: no call unless a function bears this name
    friend bool operator==(const CalledFunction&, const CalledFunction&) = default;
};

struct FunctionBody {
    bool forbidden = false;      // it may do something to its session
    bool unreadable = false;     // EXECUTE, or a name in disguise: it may call anything; the rest may be
                                 // incomplete
    bool reads_clock = false;    // CURRENT_TIMESTAMP and its kin, a literal such as 'now'
    bool writes = false;         // INSERT, UPDATE, DELETE, MERGE, TRUNCATE: triggers run
    bool names_dates = false;    // the name of a type whose input knows 'now': it may read text as one
    bool names_objects = false;  // ... of a type of numbers of catalog rows: oid, regclass
    bool selects = false;        // FROM, TABLE: it may read tables, also such as the catalogs do not tell of
    bool comments = false;       // COMMENT, SECURITY LABEL
    bool is_local = false;       // it names who calls, or system columns, which are not the same on all nodes
    std::vector<CalledFunction> calls;  // every name before a parenthesis
    std::vector<std::string> names;  // every identifier, folded as PostgreSQL does: relations are among them
};

[[nodiscard]] FunctionBody read_body(std::string_view source);

// The Oids in a stored expression or query (pg_node_tree): functions called, also behind operators,
// aggregates and window functions, and relations read or written.
struct StoredTree {
    bool writes = false;
    bool reads_text = false;  // ... as a date or as a number of a catalog row
    std::vector<std::uint32_t> functions;
    std::vector<std::uint32_t> relations;
};

[[nodiscard]] StoredTree read_tree(std::string_view tree);

}  // namespace pgpool::health
