// SPDX-License-Identifier: PostgreSQL
#pragma once

// Redo: what one transaction did, so that it can be done again on a node that has missed its commit. It lies
// in the marker of the transaction (setup.h) on every node. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/error.h"

namespace pgpool::markers {

struct RedoParameter {
    std::optional<std::string> value;  // none: NULL
    bool is_binary = false;
    friend bool operator==(const RedoParameter&, const RedoParameter&) = default;
};

// In place of a number of rows.
inline constexpr std::int64_t kAnyRows = -1;      // it changes none by itself, or nobody has counted
inline constexpr std::int64_t kSomeRows = -2;     // one or more
inline constexpr std::int64_t kUnclearRows = -3;  // several statements that cannot be told apart

struct RedoStatement {
    std::string sql;
    std::vector<std::uint32_t> types;  // of the parameters, as in Parse; 0 or missing: inferred
    std::vector<RedoParameter> parameters;
    bool is_quiet = false;  // without triggers of users and foreign keys: rows that these have made already
    std::int64_t rows = kAnyRows;  // that it has changed on main
    friend bool operator==(const RedoStatement&, const RedoStatement&) = default;
};

struct Redo {
    std::string user;                   // whose rights it had
    std::vector<std::string> settings;  // SQL that sets what was set in its session
    std::vector<RedoStatement> statements;
    friend bool operator==(const Redo&, const Redo&) = default;
};

// Whether a node that has changed so many rows has done the same.
[[nodiscard]] bool is_as_on_main(const RedoStatement& statement, std::int64_t changed);

// In place of a redo: the transaction did more than can be kept. A node that misses it must be copied anew.
inline constexpr std::string_view kTooLarge{"\0", 1};

// Big-endian, every string with its length in front; the first byte is the version of the format.
// Also what versions before wrote can be decoded.
[[nodiscard]] std::string encode(const Redo& redo);
[[nodiscard]] Result<Redo> decode(ByteView bytes);

}  // namespace pgpool::markers
