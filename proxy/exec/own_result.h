// SPDX-License-Identifier: PostgreSQL
#pragma once

// OwnResult: the result of a command of ours, SHOW POOL_NODES and its kin, with typed values, and its
// encoding in the text and binary formats of PostgreSQL (src/backend/utils/adt: *out and *send of each type).
//
// A time stamp in text is ISO 8601 with its offset, always UTC: unambiguous whatever the client's time zone.
// Pure.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/wire/encoder.h"

namespace pgpool::exec {

// monostate: NULL. An integer fits Int4 and Int8, a string Text, the others the type of their name.
using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string, WallTime>;
using Row = std::vector<Value>;

struct OwnResult {
    std::vector<wire::Column> columns;  // names live as long as the program; none: no result set
    std::vector<Row> rows;
    std::string tag;
    std::string notice;  // for the client, before the rows; empty: none
};

[[nodiscard]] std::string to_text(const Value& value);  // REQUIRES: not NULL

// The format codes of a Bind, as many as there are columns; or why not (08P01).
[[nodiscard]] Result<std::vector<wire::Format>> formats_of(std::span<const wire::Format> asked,
                                                           std::size_t columns);

// REQUIRES: as many formats as columns.
void append_row_description(std::string& out, const OwnResult& result, std::span<const wire::Format> formats);
void append_data_row(std::string& out, const OwnResult& result, const Row& row,
                     std::span<const wire::Format> formats);

}  // namespace pgpool::exec
