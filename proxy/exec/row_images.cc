// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/row_images.h"

#include <algorithm>
#include <charconv>

#include "common/wire/messages.h"

namespace pgpool::exec {

namespace {

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

std::string without_formats(ByteView bind_rest, std::size_t count) {
    std::string rest(bind_rest.substr(0, bind_rest.size() - 2 * count - 2));
    append_be16(rest, 0);
    return rest;
}

}  // namespace

// One format is for all columns, none is text.
std::string RowImages::with_formats(ByteView bind_rest) {
    const auto values = wire::read_bind_values(bind_rest);
    if (values && !plan_->client_returns) return without_formats(bind_rest, values->result_formats.size());
    is_binary_ =
        values && values->result_formats.size() == 1 && values->result_formats[0] == wire::Format::Binary;
    if (!values || values->result_formats.size() < 2) return std::string(bind_rest);
    const std::size_t formats = values->result_formats.size();
    std::string rest = without_formats(bind_rest, formats);
    rest.resize(rest.size() - 2);
    append_be16(rest, static_cast<std::uint16_t>(formats + plan_->returned.size()));
    for (const wire::Format format : values->result_formats)
        append_be16(rest, static_cast<std::uint16_t>(format));
    for (std::size_t i = 0; i < plan_->returned.size(); ++i) append_be16(rest, 0);
    return rest;
}

std::optional<std::string> RowImages::description(ByteView body) const {
    if (!plan_->client_returns || body.size() < 2) return std::nullopt;
    Cursor cursor(body);
    const std::size_t wanted = cursor.u16() - plan_->returned.size();
    std::string cut;
    append_be16(cut, static_cast<std::uint16_t>(wanted));
    for (std::size_t i = 0; i < wanted; ++i) cursor.c_string(), cursor.bytes(18);
    cut += body.substr(2, body.size() - 2 - cursor.rest().size());
    return cut;
}

std::optional<std::string> RowImages::take_row(ByteView body) {
    if (body.size() < 2) return std::nullopt;
    const std::size_t wanted = load_be16(body.data()) - plan_->returned.size();
    const std::size_t begin = column_at(body, wanted);
    ++count_;
    if (plan_->repeat.empty()) return std::string(body);
    bytes_ += body.size() - begin + sizeof(std::string);
    if (fits())
        rows_.emplace_back(body.substr(begin));
    else
        rows_.clear();
    note_positions(body, wanted);
    if (!plan_->client_returns) return std::nullopt;
    std::string cut;
    append_be16(cut, static_cast<std::uint16_t>(wanted));
    cut += body.substr(2, begin - 2);
    return cut;
}

void RowImages::note_positions(ByteView body, std::size_t wanted) {
    for (std::size_t i = 0; i < positions_.size(); ++i) {
        const std::size_t column = wanted + plan_->sequences[i].at;
        const std::size_t at = column_at(body, column);
        const std::size_t end = column_at(body, column + 1);
        const auto value =
            end >= at + 4 ? number(body.substr(at + 4, end - at - 4), is_binary_) : std::nullopt;
        if (value) positions_[i] = value;  // the next row takes one that is further
    }
}

bool RowImages::is_told_by(std::string_view tag) const {
    return tag.substr(tag.rfind(' ') + 1) == std::to_string(count_);
}

void RowImages::add_to(CopiedRequest& request, PreparedRegistry& registry, std::string_view scope) const {
    if (rows_.empty()) return;
    const PreparedPtr repeat = registry.intern(parse_body(plan_->repeat), scope, nullptr);
    for (const std::string& row : rows_) {
        std::string values;
        append_be16(values, 1);
        append_be16(values, is_binary_ ? 1 : 0);
        append_be16(values, static_cast<std::uint16_t>(plan_->returned.size()));
        values += row;
        append_be16(values, 0);
        request.executions.push_back({repeat, std::move(values)});
    }
    const std::string advance = "SELECT pgpool_replication.advance($1::text::regclass, $2, $3)";
    for (std::size_t i = 0; i < positions_.size(); ++i) {
        if (!positions_[i]) continue;
        request.executions.push_back(
            {registry.intern(parse_body(advance), "", nullptr),
             text_values({plan_->target, plan_->sequences[i].column, std::to_string(*positions_[i])})});
    }
}

void RowImages::add_to(StepOutcome& outcome) const {
    for (std::size_t i = 0; i < rows_.size(); ++i) outcome.add_tag(plan_->tag);
    for (const auto& position : positions_) {
        if (position) outcome.add_tag("SELECT 1");
    }
}

}  // namespace pgpool::exec
