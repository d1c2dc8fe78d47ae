// SPDX-License-Identifier: PostgreSQL
#pragma once

// Typed views of the frontend messages whose bodies the proxy reads (PG documentation 55.7). Views are
// borrowed from the body. A reader gives nothing when the body is malformed; the text of the error is then
// PostgreSQL's own business: the message is passed on as it is.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/wire/encoder.h"

namespace pgpool::wire {

struct ParseMessage {
    std::string_view name;
    std::string_view sql;
    ByteView sql_and_types;  // from the query text to the end of the body
};
[[nodiscard]] std::optional<ParseMessage> read_parse(ByteView body);

struct BindMessage {
    std::string_view portal;
    std::string_view statement;
    ByteView rest;  // what follows the two names and is there
};
[[nodiscard]] std::optional<BindMessage> read_bind(ByteView body);

// What follows the two names of a Bind that is there as a whole.
struct BindValues {
    std::uint16_t parameters = 0;        // how many
    std::vector<Format> result_formats;  // as they stand there: none, one for all, or one per column
};
[[nodiscard]] std::optional<BindValues> read_bind_values(ByteView rest);

// Describe and Close.
struct TargetMessage {
    char kind = 0;  // 'S' statement, 'P' portal
    std::string_view name;
};
[[nodiscard]] std::optional<TargetMessage> read_target(ByteView body);

struct ExecuteMessage {
    std::string_view portal;
    std::int32_t max_rows = 0;
};
[[nodiscard]] std::optional<ExecuteMessage> read_execute(ByteView body);

// Query: the text without its zero.
[[nodiscard]] std::optional<std::string_view> read_query(ByteView body);

struct ParameterStatusMessage {
    std::string_view name;
    std::string_view value;
};
[[nodiscard]] std::optional<ParameterStatusMessage> read_parameter_status(ByteView body);

// Whether a DataRow holds this one value and nothing else.
[[nodiscard]] bool is_single_value(ByteView body, std::string_view value);

}  // namespace pgpool::wire
