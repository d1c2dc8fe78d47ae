// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/row_images.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "common/wire/messages.h"
#include "proxy/exec/settings.h"
#include "proxy/sql/lexer.h"

namespace pgpool::exec {

namespace {

std::string joined(const std::vector<std::string>& columns) {
    std::string all;
    for (const std::string& column : columns) all += fmt::format("{}{}", all.empty() ? "" : ", ", column);
    return all;
}

// Of a Bind, after the names.
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

// Where the `count`th column of a DataRow begins, or ends if it has no more.
std::size_t column_at(ByteView body, std::size_t count) {
    constexpr std::uint32_t kNull = 0xFFFFFFFF;
    std::size_t at = 2;
    for (std::size_t i = 0; i < count && at + 4 <= body.size(); ++i) {
        const std::uint32_t size = load_be32(body.data() + at);
        at += 4 + (size == kNull ? 0 : size);
    }
    return std::min(at, body.size());
}

// A number as a column holds it: in text, or as int2, int4 or int8.
std::optional<std::int64_t> number(ByteView value, bool is_binary) {
    std::int64_t found = 0;
    if (!is_binary) {
        const auto end = std::from_chars(value.data(), value.data() + value.size(), found).ptr;
        return end == value.data() + value.size() && !value.empty() ? std::optional(found) : std::nullopt;
    }
    if (value.size() != 2 && value.size() != 4 && value.size() != 8) return std::nullopt;
    std::uint64_t bits = (static_cast<unsigned char>(value[0]) & 0x80U) != 0 ? ~std::uint64_t{0} : 0;
    for (const char byte : value) bits = bits << 8U | static_cast<unsigned char>(byte);
    return static_cast<std::int64_t>(bits);
}

bool is_given(const sql::Change& change, const std::string& column, std::size_t position) {
    return std::any_of(change.given.begin(), change.given.end(), [&](const sql::ColumnValue& value) {
        const bool is_it = value.column.empty() ? value.position == position : value.column == column;
        return is_it && !value.is_default;
    });
}

// Without the semicolon behind its only statement. What the analysis tells of its length may come from
// another text, with other literals.
std::string_view without_semicolon(std::string_view sql) {
    sql::Lexer lexer(sql);
    bool has_begun = false;
    for (sql::Token token = lexer.next(); token.kind != sql::TokenKind::End; token = lexer.next()) {
        if (token.text != ";")
            has_begun = true;
        else if (has_begun)
            return sql.substr(0, static_cast<std::size_t>(token.text.data() - sql.data()));
    }
    return sql;
}

}  // namespace

std::optional<RowImages> RowImages::of(const sql::StatementInfo& info, const sql::CatalogFacts* facts) {
    if (facts == nullptr || !info.single(sql::Kind::Insert)) return std::nullopt;
    const sql::Statement& statement = info.statements[0];
    if (statement.explained || statement.changes.size() != 1) return std::nullopt;
    const sql::Change& change = statement.changes[0];
    const bool is_plain = change.verb == sql::Change::Verb::Insert && !change.in_with &&
                          change.on_conflict != sql::Change::OnConflict::Update;
    const sql::RelationFacts* table = facts->relation(change.target.schema, change.target.name);
    if (!is_plain || table == nullptr || !table->write || table->write->several) return std::nullopt;
    RowImages images;
    images.target_ =
        change.target.schema.empty() ? std::string() : quote_identifier(change.target.schema) + ".";
    images.target_ += quote_identifier(change.target.name);
    images.client_returns_ = change.returns;
    std::size_t position = 0;
    for (const sql::ColumnFacts& column : table->write->columns) {
        const std::size_t at = position++;
        if (column.filled == sql::Default::Generated) continue;
        if (column.filled == sql::Default::Sequence && !is_given(change, column.name, at))
            images.sequences_.push_back({.column = images.columns_.size()});
        images.names_.push_back(column.name);
        images.columns_.push_back(quote_identifier(column.name));
    }
    return images.columns_.empty() ? std::nullopt : std::optional(std::move(images));
}

// On a line of its own: what was written may end with a comment.
std::string RowImages::on_main(std::string_view sql) const {
    return fmt::format("{}\n{} {}", without_semicolon(sql), client_returns_ ? "," : "RETURNING",
                       joined(columns_));
}

// One format is for all columns, none is text.
std::string RowImages::with_formats(ByteView bind_rest) {
    const auto values = wire::read_bind_values(bind_rest);
    is_binary_ =
        values && values->result_formats.size() == 1 && values->result_formats[0] == wire::Format::Binary;
    if (!values || values->result_formats.size() < 2) return std::string(bind_rest);
    const std::size_t formats = values->result_formats.size();
    std::string rest(bind_rest.substr(0, bind_rest.size() - 2 * formats - 2));
    append_be16(rest, static_cast<std::uint16_t>(formats + columns_.size()));
    for (const wire::Format format : values->result_formats)
        append_be16(rest, static_cast<std::uint16_t>(format));
    for (std::size_t i = 0; i < columns_.size(); ++i) append_be16(rest, 0);
    return rest;
}

std::optional<std::string> RowImages::description(ByteView body) const {
    if (!client_returns_ || body.size() < 2) return std::nullopt;
    Cursor cursor(body);
    const std::size_t wanted = cursor.u16() - columns_.size();
    std::string cut;
    append_be16(cut, static_cast<std::uint16_t>(wanted));
    for (std::size_t i = 0; i < wanted; ++i) cursor.c_string(), cursor.bytes(18);
    cut += body.substr(2, body.size() - 2 - cursor.rest().size());
    return cut;
}

std::optional<std::string> RowImages::take_row(ByteView body) {
    if (body.size() < 2) return std::nullopt;
    const std::size_t wanted = load_be16(body.data()) - columns_.size();
    const std::size_t begin = column_at(body, wanted);
    rows_.emplace_back(body.substr(begin));
    for (Sequence& sequence : sequences_) {
        const std::size_t at = column_at(body, wanted + sequence.column);
        const std::size_t end = column_at(body, wanted + sequence.column + 1);
        const auto value =
            end >= at + 4 ? number(body.substr(at + 4, end - at - 4), is_binary_) : std::nullopt;
        if (!value) continue;
        sequence.last = sequence.taken ? std::max(sequence.last, *value) : *value;
        sequence.taken = true;
    }
    if (!client_returns_) return std::nullopt;
    std::string cut;
    append_be16(cut, static_cast<std::uint16_t>(wanted));
    cut += body.substr(2, begin - 2);
    return cut;
}

CopiedRequest RowImages::request(PreparedRegistry& registry) const {
    std::string parameters;
    for (std::size_t i = 1; i <= columns_.size(); ++i)
        parameters += fmt::format("{}${}", i > 1 ? ", " : "", i);
    const std::string sql = fmt::format("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({})", target_,
                                        joined(columns_), parameters);
    CopiedRequest request;
    const PreparedPtr insert = registry.intern(parse_body(sql), "", nullptr);
    for (const std::string& row : rows_) {
        std::string values;
        append_be16(values, 1);
        append_be16(values, is_binary_ ? 1 : 0);
        append_be16(values, static_cast<std::uint16_t>(columns_.size()));
        values += row;
        append_be16(values, 0);
        request.executions.push_back({insert, std::move(values)});
    }
    for (const Sequence& sequence : sequences_) {
        if (!sequence.taken) continue;
        request.executions.push_back(
            {registry.intern(parse_body("SELECT pgpool_replication.advance($1::text::regclass, $2, $3)"), "",
                             nullptr),
             text_values({target_, names_[sequence.column], std::to_string(sequence.last)})});
    }
    return request;
}

StepOutcome RowImages::outcome() const {
    StepOutcome outcome;
    for (std::size_t i = 0; i < rows_.size(); ++i) outcome.add_tag("INSERT 0 1");
    for (const Sequence& sequence : sequences_) {
        if (sequence.taken) outcome.add_tag("SELECT 1");
    }
    return outcome;
}

}  // namespace pgpool::exec
