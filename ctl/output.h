// SPDX-License-Identifier: PostgreSQL
#pragma once

// Answers as text and as JSON. Pure.

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/pg/rows.h"

namespace pgpool::ctl {

using Json = nlohmann::ordered_json;

struct Table {
    struct Column {
        std::string name;
        bool is_number = false;
    };
    std::vector<Column> columns;
    std::vector<std::vector<std::optional<std::string>>> rows;
};

[[nodiscard]] Table table_of(const pg::Rows& rows);

// Columns aligned, numbers to the right, "-" for NULL, control characters as "?".
[[nodiscard]] std::string render(const Table& table);

// A list of objects; numbers and booleans are such where the column's type is.
[[nodiscard]] Json json_of(const pg::Rows& rows);

// Text of a document, with a line feed. Bytes that are not UTF-8 are replaced.
[[nodiscard]] std::string render(const Json& document);

}  // namespace pgpool::ctl
