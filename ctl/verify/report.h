// SPDX-License-Identifier: PostgreSQL
#pragma once

// What a verification has found.

#include <cstdint>
#include <string>
#include <vector>

#include "ctl/node_access.h"
#include "ctl/output.h"

namespace pgpool::ctl::verify {

struct Difference {
    std::string database;  // empty: of the server
    std::string kind;      // "row", "sequence", "large object", "table", "column", "role" …
    std::string object;    // the table of a row, else the thing itself
    std::string key;       // of a row; without a key its text
    std::string node;      // differs from the first node
    std::string what;      // "missing", "extra", "other contents" …
};

struct Report {
    std::vector<std::string> nodes;  // that were compared; the others with the first
    std::vector<Unreachable> unreachable;
    std::vector<std::string> databases;
    std::uint64_t tables = 0;
    std::uint64_t rows = 0;  // of the first node
    std::vector<Difference> differences;
    std::vector<std::string> notes;  // what was not compared, and why
    bool is_complete = true;         // false: a node was lost before the end

    [[nodiscard]] bool is_equal() const { return is_complete && differences.empty(); }
};

// One line each, then a summary.
[[nodiscard]] std::string to_text(const Report& report);
[[nodiscard]] Json to_json(const Report& report);

}  // namespace pgpool::ctl::verify
