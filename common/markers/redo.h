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

struct RedoStatement {
    std::string sql;
    std::vector<std::uint32_t> types;  // of the parameters, as in Parse; 0 or missing: inferred
    std::vector<RedoParameter> parameters;
    bool is_quiet = false;  // without triggers of users and foreign keys: rows that these have made already
    friend bool operator==(const RedoStatement&, const RedoStatement&) = default;
};

struct Redo {
    std::string user;                   // whose rights it had
    std::vector<std::string> settings;  // SQL that sets what was set in its session
    std::vector<RedoStatement> statements;
    friend bool operator==(const Redo&, const Redo&) = default;
};

// In place of a redo: the transaction did more than can be kept. A node that misses it must be copied anew.
inline constexpr std::string_view kTooLarge{"\0", 1};

// Big-endian, every string with its length in front; the first byte is the version of the format.
[[nodiscard]] std::string encode(const Redo& redo);
[[nodiscard]] Result<Redo> decode(ByteView bytes);

}  // namespace pgpool::markers
