// SPDX-License-Identifier: PostgreSQL
#include "common/wire/messages.h"

namespace pgpool::wire {

std::optional<ParseMessage> read_parse(ByteView body) {
    Cursor cursor(body);
    ParseMessage parse;
    parse.name = cursor.c_string();
    parse.sql_and_types = cursor.rest();
    parse.sql = cursor.c_string();
    const std::uint16_t types = cursor.u16();
    cursor.bytes(std::size_t{types} * 4);
    if (!cursor.at_end()) return std::nullopt;
    return parse;
}

std::optional<BindMessage> read_bind(ByteView body) {
    Cursor cursor(body);
    BindMessage bind;
    bind.portal = cursor.c_string();
    bind.statement = cursor.c_string();
    bind.rest = cursor.rest();
    if (!cursor.ok()) return std::nullopt;
    return bind;
}

std::optional<BindValues> read_bind_values(ByteView rest) {
    Cursor cursor(rest);
    BindValues values;
    cursor.bytes(std::size_t{cursor.u16()} * 2);  // formats of the parameters
    values.parameters = cursor.u16();
    for (std::uint16_t i = 0; i < values.parameters && cursor.ok(); ++i) {
        const std::int32_t size = cursor.i32();
        if (size > 0) cursor.bytes(static_cast<std::size_t>(size));
    }
    for (std::uint16_t left = cursor.u16(); left > 0 && cursor.ok(); --left) {
        const std::uint16_t code = cursor.u16();
        if (code > 1) return std::nullopt;
        values.result_formats.push_back(static_cast<Format>(code));
    }
    if (!cursor.at_end()) return std::nullopt;
    return values;
}

std::optional<TargetMessage> read_target(ByteView body) {
    Cursor cursor(body);
    TargetMessage target;
    target.kind = static_cast<char>(cursor.u8());
    target.name = cursor.c_string();
    if (!cursor.at_end() || (target.kind != 'S' && target.kind != 'P')) return std::nullopt;
    return target;
}

std::optional<ExecuteMessage> read_execute(ByteView body) {
    Cursor cursor(body);
    ExecuteMessage execute;
    execute.portal = cursor.c_string();
    execute.max_rows = cursor.i32();
    if (!cursor.at_end()) return std::nullopt;
    return execute;
}

std::optional<std::string_view> read_query(ByteView body) {
    Cursor cursor(body);
    const std::string_view text = cursor.c_string();
    if (!cursor.at_end()) return std::nullopt;
    return text;
}

std::optional<ParameterStatusMessage> read_parameter_status(ByteView body) {
    Cursor cursor(body);
    ParameterStatusMessage status;
    status.name = cursor.c_string();
    status.value = cursor.c_string();
    if (!cursor.at_end()) return std::nullopt;
    return status;
}

bool is_single_value(ByteView body, std::string_view value) {
    Cursor row(body);
    return row.u16() == 1 && row.u32() == value.size() && row.bytes(value.size()) == value && row.at_end();
}

}  // namespace pgpool::wire
