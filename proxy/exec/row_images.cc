// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/row_images.h"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "common/markers/setup.h"
#include "common/wire/messages.h"
#include "proxy/replication/value_text.h"

namespace pgpool::exec {

namespace {

using Triggers = CopiedRequest::Execution::Triggers;

// Of the value at the front of the rest of a DataRow, with its length.
std::size_t cell_size(ByteView rest) {
    constexpr std::uint32_t kNull = 0xFFFFFFFF;
    if (rest.size() < 4) return rest.size();
    const std::uint32_t size = load_be32(rest.data());
    return std::min<std::size_t>(4 + (size == kNull ? 0 : size), rest.size());
}

// Where the `count`th column of a DataRow begins, or ends if it has no more.
std::size_t column_at(ByteView body, std::size_t count) {
    std::size_t at = std::min<std::size_t>(2, body.size());
    for (std::size_t i = 0; i < count; ++i) at += cell_size(body.substr(at));
    return at;
}

// Where the `count`th of bare columns ends.
std::size_t column_end(ByteView cells, std::size_t count) {
    std::size_t at = 0;
    for (std::size_t i = 0; i < count; ++i) at += cell_size(cells.substr(at));
    return at;
}

// Of a DataRow, as it stands there with its length.
ByteView cell_at(ByteView body, std::size_t column) {
    const std::size_t begin = column_at(body, column);
    return body.substr(begin, column_at(body, column + 1) - begin);
}

std::string_view value_of(ByteView cell) {
    return cell.size() > 4 ? cell.substr(4) : std::string_view();
}

std::optional<std::int64_t> number(std::string_view text) {
    std::int64_t found = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), found);
    const bool is_whole = error == std::errc() && end == text.data() + text.size();
    return is_whole ? std::optional(found) : std::nullopt;
}

// An array of text as its type sends it (array_recv): values stand there as in a DataRow, so none is quoted.
void append_array(std::string& to, std::size_t count, std::string_view cells) {
    constexpr std::size_t kHeader = 20;
    constexpr std::uint32_t kText = 25;  // pg_type.dat
    append_be32(to, static_cast<std::uint32_t>(kHeader + cells.size()));
    append_be32(to, 1);  // dimensions
    append_be32(to, 1);  // there may be NULL
    append_be32(to, kText);
    append_be32(to, static_cast<std::uint32_t>(count));
    append_be32(to, 1);  // the first index
    to += cells;
}

std::string without_formats(ByteView bind_rest, std::size_t count) {
    std::string rest(bind_rest.substr(0, bind_rest.size() - 2 * count - 2));
    append_be16(rest, 0);
    return rest;
}

}  // namespace

// None is text for all.
std::string RowImages::with_formats(ByteView bind_rest) const {
    const auto values = wire::read_bind_values(bind_rest);
    if (values && !plan_->client_returns) return without_formats(bind_rest, values->result_formats.size());
    if (!values || values->result_formats.size() < 2) return std::string(bind_rest);
    const std::size_t formats = values->result_formats.size();
    std::string rest = without_formats(bind_rest, formats);
    rest.resize(rest.size() - 2);
    append_be16(rest, static_cast<std::uint16_t>(formats + plan_->added()));
    for (const wire::Format format : values->result_formats)
        append_be16(rest, static_cast<std::uint16_t>(format));
    for (std::size_t i = 0; i < plan_->added(); ++i) append_be16(rest, 0);
    return rest;
}

bool RowImages::is_binary(ByteView bind_rest) const {
    const auto values = plan_->client_returns ? wire::read_bind_values(bind_rest) : std::nullopt;
    return values && values->result_formats.size() == 1 && values->result_formats[0] == wire::Format::Binary;
}

std::optional<std::string> RowImages::description(ByteView body) const {
    if (!plan_->client_returns || body.size() < 2) return std::nullopt;
    Cursor cursor(body);
    const std::size_t wanted = cursor.u16() - plan_->added();
    std::string cut;
    append_be16(cut, static_cast<std::uint16_t>(wanted));
    for (std::size_t i = 0; i < wanted; ++i) cursor.c_string(), cursor.bytes(18);
    cut += body.substr(2, body.size() - 2 - cursor.rest().size());
    return cut;
}

std::optional<std::string> RowImages::take_row(ByteView body) {
    if (body.size() < 2) return std::nullopt;
    const std::size_t wanted = load_be16(body.data()) - plan_->added();
    const std::size_t begin = column_at(body, wanted);
    ++count_;
    if (plan_->repeat.empty()) return std::string(body);
    const std::size_t end = column_at(body, wanted + plan_->returned.size());
    note_check(value_of(cell_at(body, wanted + plan_->returned.size())));
    bytes_ += end - begin + sizeof(std::string);
    if (fits())
        rows_.emplace_back(body.substr(begin, end - begin));
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
        const auto& [at, column, falls] = plan_->sequences[i];
        const auto taken = number(value_of(cell_at(body, wanted + at)));
        if (!taken) continue;
        std::optional<std::int64_t>& furthest = positions_[i];
        if (!furthest || (falls ? *taken < *furthest : *taken > *furthest)) furthest = taken;
    }
}

// All rows of a statement have the same.
void RowImages::note_check(std::string_view check) {
    if (check_ == check) return;
    check_.emplace(check);
    if (misread_.empty()) misread_ = replication::why_read_otherwise(replication::take_settings(check));
    has_other_columns_ |= plan_->columns != 0 && check != std::to_string(plan_->columns);
}

std::string RowImages::obstacle() const {
    if (!fits()) return "more rows than can travel";
    const bool is_one_by_one = rows_.size() > 1 && !is_told_at_once();
    if (!is_one_by_one || plan_->one_by_one.empty()) return {};
    return "rows that can only travel one by one, though " + plan_->one_by_one +
           " is checked for all of them";
}

bool RowImages::is_told_by(std::string_view tag) const {
    return tag.substr(tag.rfind(' ') + 1) == std::to_string(count_);
}

void RowImages::add_rows(CopiedRequest& request, PreparedRegistry& registry, std::string_view scope) const {
    const auto triggers = plan_->is_quiet ? Triggers::Quiet : Triggers::Fire;
    const std::string& sql = is_told_at_once() ? plan_->repeat_all : plan_->repeat;
    const PreparedPtr repeat = registry.intern(parse_body(sql), scope, nullptr);
    if (is_told_at_once()) {
        request.executions.push_back({repeat, all_at_once(), triggers});
    } else {
        for (const std::string& row : rows_)
            request.executions.push_back({repeat, one_by_one(row), triggers});
    }
}

void RowImages::add_to(CopiedRequest& request, PreparedRegistry& registry, std::string_view scope,
                       std::int64_t token) const {
    if (rows_.empty()) return;
    const auto turn = [&](std::string_view quiet) {
        if (!plan_->is_quiet) return;
        request.executions.push_back({registry.intern(parse_body(markers::kKeepQuiet), "", nullptr),
                                      text_values({std::to_string(token), quiet}), Triggers::Switch});
    };
    turn("t");
    add_rows(request, registry, scope);
    turn("f");
    for (const replication::ImagePlan::Hold& hold : plan_->holds)
        request.executions.push_back(
            {registry.intern(parse_body(hold.sql), scope, nullptr), arrays_of(hold.at)});
    for (std::size_t i = 0; i < positions_.size(); ++i) {
        if (!positions_[i]) continue;
        request.executions.push_back(
            {registry.intern(parse_body(markers::kAdvance), "", nullptr),
             text_values({std::to_string(token), plan_->target, plan_->sequences[i].column,
                          std::to_string(*positions_[i])})});
    }
}

// The parameters of a Bind in text, those of arrays_of() in binary.
std::string RowImages::one_by_one(const std::string& row) const {
    std::string values;
    append_be16(values, 0);
    append_be16(values, static_cast<std::uint16_t>(taken()));
    values += row.substr(0, column_end(row, taken()));
    append_be16(values, 0);
    return values;
}

std::string RowImages::all_at_once() const {
    std::vector<std::size_t> places(taken());
    std::iota(places.begin(), places.end(), 0U);
    return arrays_of(places);
}

// Of each of these columns an array of all rows.
std::string RowImages::arrays_of(const std::vector<std::size_t>& places) const {
    std::vector<std::string> columns(plan_->returned.size());
    for (const std::string& row : rows_) {
        ByteView rest = row;
        for (std::string& column : columns) {
            const std::size_t size = cell_size(rest);
            column += rest.substr(0, size);
            rest.remove_prefix(size);
        }
    }
    std::string values;
    append_be16(values, 1);
    append_be16(values, 1);
    append_be16(values, static_cast<std::uint16_t>(places.size()));
    for (const std::size_t place : places) append_array(values, rows_.size(), columns[place]);
    append_be16(values, 0);
    return values;
}

void RowImages::add_to(StepOutcome& outcome) const {
    const std::size_t statements = is_told_at_once() ? 1 : rows_.size();
    const std::string tag = plan_->tag + " " + (is_told_at_once() ? std::to_string(rows_.size()) : "1");
    if (rows_.empty()) return;
    if (plan_->is_quiet) outcome.add_tag("SELECT 1");
    for (std::size_t i = 0; i < statements; ++i) outcome.add_tag(tag);
    if (plan_->is_quiet) outcome.add_tag("SELECT 1");
    for (std::size_t i = 0; i < plan_->holds.size(); ++i)
        outcome.add_tag("SELECT " + std::to_string(rows_.size()));
    for (const auto& position : positions_) {
        if (position) outcome.add_tag("SELECT 1");
    }
}

}  // namespace pgpool::exec
