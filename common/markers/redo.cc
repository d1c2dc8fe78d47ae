// SPDX-License-Identifier: PostgreSQL
#include "common/markers/redo.h"

namespace pgpool::markers {

namespace {

constexpr char kFormat = 2;
constexpr char kPlain = 1;  // nothing is quiet, and no numbers of rows are told
constexpr std::uint32_t kNull = 0xFFFFFFFF;

void append_text(std::string& to, std::string_view text) {
    append_be32(to, static_cast<std::uint32_t>(text.size()));
    to += text;
}

std::string read_text(Cursor& cursor) {
    return std::string(cursor.bytes(cursor.u32()));
}

void append_statement(std::string& to, const RedoStatement& statement) {
    to.push_back(statement.is_quiet ? '\1' : '\0');
    append_text(to, statement.sql);
    append_be32(to, static_cast<std::uint32_t>(statement.types.size()));
    for (const std::uint32_t type : statement.types) append_be32(to, type);
    append_be32(to, static_cast<std::uint32_t>(statement.parameters.size()));
    for (const RedoParameter& parameter : statement.parameters) {
        to.push_back(parameter.is_binary ? '\1' : '\0');
        if (parameter.value)
            append_text(to, *parameter.value);
        else
            append_be32(to, kNull);
    }
    append_be32(to, static_cast<std::uint32_t>(static_cast<std::uint64_t>(statement.rows) >> 32U));
    append_be32(to, static_cast<std::uint32_t>(statement.rows));
}

std::int64_t read_rows(Cursor& cursor) {
    const std::uint64_t high = cursor.u32();
    return static_cast<std::int64_t>(high << 32U | cursor.u32());
}

RedoStatement read_statement(Cursor& cursor, bool is_plain) {
    const bool is_quiet = !is_plain && cursor.u8() != 0;
    RedoStatement statement{.sql = read_text(cursor), .types = {}, .parameters = {}, .is_quiet = is_quiet};
    for (std::uint32_t left = cursor.u32(); left > 0 && cursor.ok(); --left) {
        statement.types.push_back(cursor.u32());
    }
    for (std::uint32_t left = cursor.u32(); left > 0 && cursor.ok(); --left) {
        RedoParameter parameter{.value = {}, .is_binary = cursor.u8() != 0};
        const std::uint32_t size = cursor.u32();
        if (size != kNull) parameter.value = std::string(cursor.bytes(size));
        statement.parameters.push_back(std::move(parameter));
    }
    if (!is_plain) statement.rows = read_rows(cursor);
    return statement;
}

}  // namespace

bool is_as_on_main(const RedoStatement& statement, std::int64_t changed) {
    if (statement.rows == kAnyRows) return true;
    return statement.rows == kSomeRows ? changed > 0 : statement.rows == changed;
}

std::string encode(const Redo& redo) {
    std::string bytes(1, kFormat);
    append_text(bytes, redo.user);
    append_be32(bytes, static_cast<std::uint32_t>(redo.settings.size()));
    for (const std::string& setting : redo.settings) append_text(bytes, setting);
    append_be32(bytes, static_cast<std::uint32_t>(redo.statements.size()));
    for (const RedoStatement& statement : redo.statements) append_statement(bytes, statement);
    return bytes;
}

Result<Redo> decode(ByteView bytes) {
    Cursor cursor(bytes);
    if (bytes == kTooLarge)
        return fail(sqlstate::kInternalError, "the transaction did more than its redo can hold");
    const auto format = static_cast<char>(cursor.u8());
    if (format != kFormat && format != kPlain)
        return fail(sqlstate::kInternalError, "redo of an unknown format");
    Redo redo;
    redo.user = read_text(cursor);
    for (std::uint32_t left = cursor.u32(); left > 0 && cursor.ok(); --left) {
        redo.settings.push_back(read_text(cursor));
    }
    for (std::uint32_t left = cursor.u32(); left > 0 && cursor.ok(); --left) {
        redo.statements.push_back(read_statement(cursor, format == kPlain));
    }
    if (!cursor.at_end()) return fail(sqlstate::kInternalError, "redo is cut short or has too much");
    return redo;
}

}  // namespace pgpool::markers
