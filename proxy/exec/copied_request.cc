// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/copied_request.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "common/wire/decoder.h"
#include "common/wire/message.h"
#include "proxy/sql/lexer.h"

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

// What a command tag tells of rows that were changed. What a SELECT returns is no change.
std::int64_t rows_of_tag(std::string_view tag) {
    constexpr std::array<std::string_view, 4> kVerbs{"DELETE ", "INSERT ", "MERGE ", "UPDATE "};
    const bool counts = std::any_of(kVerbs.begin(), kVerbs.end(),
                                    [&](std::string_view verb) { return tag.starts_with(verb); });
    std::int64_t rows = markers::kAnyRows;
    if (!counts) return rows;
    const std::string_view digits = tag.substr(tag.rfind(' ') + 1);
    std::from_chars(digits.data(), digits.data() + digits.size(), rows);
    return rows;
}

std::vector<std::int64_t> rows_of(std::string_view tags) {
    constexpr std::string_view kBetween = "; ";
    std::vector<std::int64_t> rows;
    for (std::size_t at = 0; at < tags.size();) {
        const std::size_t end = std::min(tags.find(kBetween, at), tags.size());
        rows.push_back(rows_of_tag(tags.substr(at, end - at)));
        at = end + kBetween.size();
    }
    return rows;
}

// What an EXECUTE changes is not told where a repair runs it.
void add_text(markers::Redo& redo, const CopiedRequest& request, const std::vector<std::int64_t>& rows) {
    const auto add = [&redo](std::string_view sql, std::int64_t changed) {
        redo.statements.push_back({.sql = std::string(sql), .types = {}, .parameters = {}, .rows = changed});
    };
    if (rows.size() <= 1)
        return add(request.sql, rows.empty() || !request.before.empty() ? markers::kAnyRows : rows.front());
    const auto pieces = sql::between_semicolons(request.sql);
    if (pieces.size() != rows.size()) return add(request.sql, markers::kUnclearRows);
    for (std::size_t i = 0; i < pieces.size(); ++i) add(pieces[i], rows[i]);
}

void add(markers::Redo& redo, const CopiedRequest& request, const std::vector<std::int64_t>& rows) {
    const auto add_own = [&redo](const std::string& sql) {
        if (!sql.empty()) redo.statements.push_back({.sql = sql, .types = {}, .parameters = {}});
    };
    add_own(request.before);
    if (!request.sql.empty()) add_text(redo, request, rows);
    add_own(request.after);
    using Triggers = CopiedRequest::Execution::Triggers;
    std::vector<const CopiedRequest::Execution*> executions;
    for (const CopiedRequest::Execution& execution : request.executions) {
        if (execution.triggers != Triggers::Switch) executions.push_back(&execution);
    }
    for (std::size_t i = 0; i < executions.size(); ++i) {
        markers::RedoStatement statement = read_statement(executions[i]->statement->sql_and_types);
        statement.is_quiet = executions[i]->triggers == Triggers::Quiet;
        read_parameters(statement, executions[i]->values);
        if (rows.size() == executions.size()) statement.rows = rows[i];
        redo.statements.push_back(std::move(statement));
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

void add_to_redo(markers::Redo& redo, const CopiedRequest& request, std::string_view tags) {
    add(redo, request, rows_of(tags));
}

void add_to_redo(markers::Redo& redo, const CopiedRequest& request, std::int64_t rows) {
    add(redo, request, {rows});
}

}  // namespace pgpool::exec
