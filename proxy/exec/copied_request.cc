// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/copied_request.h"

#include "common/wire/decoder.h"
#include "common/wire/message.h"

namespace pgpool::exec {

namespace {

// Of a Parse after the name: the text, then the types of the parameters (PG documentation 55.7).
markers::RedoStatement read_statement(ByteView sql_and_types) {
    Cursor cursor(sql_and_types);
    markers::RedoStatement statement{.sql = std::string(cursor.c_string()), .types = {}, .parameters = {}};
    for (std::uint16_t left = cursor.u16(); left > 0 && cursor.ok(); --left) {
        statement.types.push_back(cursor.u32());
    }
    return statement;
}

// Of a Bind after the names: formats, then values with their lengths.
void read_parameters(markers::RedoStatement& statement, ByteView values) {
    constexpr std::uint32_t kNull = 0xFFFFFFFF;
    Cursor cursor(values);
    std::vector<bool> formats(cursor.u16());
    for (std::size_t i = 0; i < formats.size(); ++i) formats[i] = cursor.u16() != 0;
    const std::uint16_t count = cursor.u16();
    for (std::uint16_t i = 0; i < count && cursor.ok(); ++i) {
        const bool is_binary =
            formats.size() == 1 ? formats[0] : i < formats.size() && static_cast<bool>(formats[i]);
        const std::uint32_t size = cursor.u32();
        markers::RedoParameter parameter{.value = {}, .is_binary = is_binary};
        if (size != kNull) parameter.value = std::string(cursor.bytes(size));
        statement.parameters.push_back(std::move(parameter));
    }
}

}  // namespace

bool executes_anything(ByteView batch) {
    ByteView rest = batch;
    while (const auto frame = wire::take_frame(rest)) {
        if (frame->type == wire::frontend::kExecute || frame->type == wire::frontend::kBind) return true;
    }
    return false;
}

std::string text_values(std::initializer_list<std::string_view> texts) {
    std::string values;
    append_be16(values, 0);
    append_be16(values, static_cast<std::uint16_t>(texts.size()));
    for (const std::string_view text : texts) {
        append_be32(values, static_cast<std::uint32_t>(text.size()));
        values += text;
    }
    append_be16(values, 0);
    return values;
}

std::size_t CopiedRequest::bytes() const {
    std::size_t sum = sql.size() + before.size() + after.size();
    for (const Execution& execution : executions)
        sum += sizeof(Execution) + execution.statement->sql_and_types.size() + execution.values.size();
    return sum;
}

void add_to_redo(markers::Redo& redo, const CopiedRequest& request) {
    for (const std::string* sql : {&request.before, &request.sql, &request.after}) {
        if (!sql->empty()) redo.statements.push_back({.sql = *sql, .types = {}, .parameters = {}});
    }
    for (const CopiedRequest::Execution& execution : request.executions) {
        markers::RedoStatement statement = read_statement(execution.statement->sql_and_types);
        read_parameters(statement, execution.values);
        redo.statements.push_back(std::move(statement));
    }
}

}  // namespace pgpool::exec
