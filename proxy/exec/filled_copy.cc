// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/filled_copy.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

#include "common/wire/encoder.h"
#include "common/wire/messages.h"
#include "proxy/replication/value_text.h"

namespace pgpool::exec {

namespace {

using Column = replication::CopyPlan::Column;
using Format = sql::CopyRows::Format;
using Found = CopySplitter::Found;

constexpr char kBetween = '\x1f';                         // see pgpool_replication.tell()
constexpr std::size_t kMessage = std::size_t{32} << 10U;  // of a CopyData, about
constexpr std::string_view kUntold = "rows of COPY that the main node does not tell apart as the proxy does";

// The front of what is told, which is cut off.
std::string_view take_value(std::string_view& told) {
    const std::size_t size = std::min(told.find(kBetween), told.size());
    const std::string_view value = told.substr(0, size);
    told.remove_prefix(std::min(size + 1, told.size()));
    return value;
}

bool is_plain(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

FilledCopy::FilledCopy(replication::CopyPlanPtr plan, bool is_marked)
    : plan_(std::move(plan)), splitter_(plan_->rows, is_marked) {}

// --- the client's rows ---

void FilledCopy::take(ByteView messages) {
    while (const auto piece = bodies_.next(messages)) {
        if (has_all_ || !obstacle_.empty()) return;
        if (bodies_.type() == wire::frontend::kCopyData) {
            take_rows(*piece);
        } else {
            has_all_ = true;
            find_rows(true);
        }
    }
}

void FilledCopy::take_rows(ByteView bytes) {
    held_ += bytes;
    find_rows(false);
    if (held_.size() - begin_ > kMostBytes) fail("more rows of COPY than can be held until they are filled");
}

void FilledCopy::find_rows(bool is_all) {
    while (true) {
        const ByteView rest = ByteView(held_).substr(begin_ + looked_);
        const auto [found, size] = splitter_.next(rest, is_all);
        if (found == Found::More) return;
        if (found == Found::End) return held_.resize(begin_ + looked_);
        if (found == Found::Head) {
            head(rest.substr(0, size));
            drop_front(size);
            continue;
        }
        rows_.push_back(size);
        looked_ += size;
    }
}

// No row has come before it.
void FilledCopy::head(ByteView bytes) {
    if (plan_->rows.header == sql::CopyRows::Header::Matched) {
        for (const Column& column : plan_->columns) {
            if (!is_plain(column.name)) fail("COPY that matches a header with names beyond ASCII");
            write_field(column.name);
        }
    }
    ready_ += bytes;
}

// --- main's values ---

void FilledCopy::fill(std::string_view told) {
    if (!obstacle_.empty()) return;
    if (rows_.empty()) return fail(std::string(kUntold));
    replication::TextSettings settings;
    settings.float_digits = take_value(told);
    settings.array_nulls = take_value(told);
    const bool may_differ = std::any_of(plan_->columns.begin(), plan_->columns.end(),
                                        [](const Column& column) { return column.size == 0; });
    const std::string why = replication::why_read_otherwise(settings);
    if (may_differ && !why.empty()) return fail("COPY with columns that the main node fills, " + why);
    const std::size_t size = rows_.front();
    write_row(ByteView(held_).substr(begin_, size), told);
    rows_.pop_front();
    looked_ -= size;
    drop_front(size);
}

void FilledCopy::write_row(ByteView row, std::string_view values) {
    const bool is_binary = plan_->rows.format == Format::Binary;
    if (is_binary) {
        append_be16(ready_, static_cast<std::uint16_t>(load_be16(row.data()) + plan_->columns.size()));
        row.remove_prefix(2);
    }
    // A value that holds the separator gives more.
    if (std::count(values.begin(), values.end(), kBetween) + 1 != std::ssize(plan_->columns))
        return fail("a default of COPY that cannot be written as its rows are");
    for (const Column& column : plan_->columns) write_value(column, take_value(values));
    ready_ += row;
}

void FilledCopy::write_value(const Column& column, std::string_view value) {
    if (plan_->rows.format == Format::Binary) return write_integer(column, value);
    const bool is_null = value == plan_->rows.null;
    if (is_null || !is_plain(value)) return fail("a default of COPY that cannot be written as its rows are");
    write_field(value);
}

// With the delimiter behind it.
void FilledCopy::write_field(std::string_view value) {
    const sql::CopyRows& rows = plan_->rows;
    const bool is_csv = rows.format == Format::Csv;
    if (is_csv) ready_ += rows.quote;
    for (const char c : value) {
        if (is_csv ? c == rows.quote || c == rows.escape : c == '\\' || c == rows.delimiter)
            ready_ += is_csv ? rows.escape : '\\';
        ready_ += c;
    }
    if (is_csv) ready_ += rows.quote;
    ready_ += rows.delimiter;
}

void FilledCopy::write_integer(const Column& column, std::string_view value) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc() || end != value.data() + value.size())
        return fail("a default of COPY that cannot be written as its rows are");
    append_be32(ready_, static_cast<std::uint32_t>(column.size));
    for (std::size_t left = column.size; left > 0; --left)
        ready_ += static_cast<char>(static_cast<std::uint64_t>(number) >> (8 * (left - 1)));
}

void FilledCopy::end() {
    if (obstacle_.empty() && !(has_all_ && rows_.empty())) fail(std::string(kUntold));
}

std::string FilledCopy::take_messages(bool is_last) {
    std::string out;
    if (!obstacle_.empty()) held_ = std::string(), ready_ = std::string();
    if (ready_.empty() || (!is_last && ready_.size() < kMessage)) return out;
    wire::append_frame(out, wire::frontend::kCopyData, ready_);
    ready_.clear();
    return out;
}

// What was used up goes when it is the larger part: else each row would move all that follow.
void FilledCopy::drop_front(std::size_t size) {
    begin_ += size;
    if (begin_ < held_.size() / 2) return;
    held_.erase(0, begin_);
    begin_ = 0;
}

// The first reason counts.
void FilledCopy::fail(std::string reason) {
    if (obstacle_.empty()) obstacle_ = std::move(reason);
}

}  // namespace pgpool::exec
