// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/own_result.h"

#include <fmt/core.h>

#include <bit>

#include "common/base/bytes.h"

namespace pgpool::exec {

namespace {

using wire::ColumnType;
using wire::Format;

// PostgreSQL counts from 2000-01-01 00:00 UTC.
constexpr std::chrono::sys_days kEpoch{std::chrono::year{2000} / 1 / 1};

std::string time_text(WallTime time) {
    const auto stamp = std::chrono::floor<microseconds>(time);
    const auto day = std::chrono::floor<std::chrono::days>(stamp);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(stamp - day);
    return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}+00", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                       clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                       clock.subseconds().count());
}

void append_be64(std::string& out, std::uint64_t value) {
    append_be32(out, static_cast<std::uint32_t>(value >> 32U));
    append_be32(out, static_cast<std::uint32_t>(value));
}

struct ToText {
    std::string operator()(std::monostate) const { return {}; }
    std::string operator()(bool value) const { return value ? "t" : "f"; }
    std::string operator()(std::int64_t value) const { return std::to_string(value); }
    std::string operator()(double value) const { return fmt::format("{}", value); }
    std::string operator()(const std::string& value) const { return value; }
    std::string operator()(WallTime value) const { return time_text(value); }
};

struct ToBinary {
    ColumnType type;

    std::string operator()(std::monostate) const { return {}; }
    std::string operator()(bool value) const { return {value ? '\1' : '\0'}; }
    std::string operator()(std::int64_t value) const {
        std::string bytes;
        if (type == ColumnType::Int4) {
            append_be32(bytes, static_cast<std::uint32_t>(value));
        } else {
            append_be64(bytes, static_cast<std::uint64_t>(value));
        }
        return bytes;
    }
    std::string operator()(double value) const {
        std::string bytes;
        append_be64(bytes, std::bit_cast<std::uint64_t>(value));
        return bytes;
    }
    std::string operator()(const std::string& value) const { return value; }
    std::string operator()(WallTime value) const {
        const auto since = std::chrono::floor<microseconds>(value - kEpoch);
        return (*this)(std::int64_t{since.count()});
    }
};

}  // namespace

std::string to_text(const Value& value) {
    return std::visit(ToText{}, value);
}

// PG documentation 55.7, Bind: no code means text for all, one code is for all.
Result<std::vector<Format>> formats_of(std::span<const Format> asked, std::size_t columns) {
    if (asked.size() <= 1) return std::vector<Format>(columns, asked.empty() ? Format::Text : asked[0]);
    if (asked.size() == columns) return std::vector<Format>(asked.begin(), asked.end());
    return fail(
        sqlstate::kProtocolViolation,
        fmt::format("bind message has {} result formats but query has {} columns", asked.size(), columns));
}

void append_row_description(std::string& out, const OwnResult& result, std::span<const Format> formats) {
    std::vector<wire::Column> columns = result.columns;
    for (std::size_t i = 0; i < columns.size(); ++i) columns[i].format = formats[i];
    wire::append_row_description(out, columns);
}

void append_data_row(std::string& out, const OwnResult& result, const Row& row,
                     std::span<const Format> formats) {
    std::vector<std::optional<std::string>> values;
    values.reserve(row.size());
    for (std::size_t i = 0; i < row.size(); ++i) {
        if (std::holds_alternative<std::monostate>(row[i])) {
            values.emplace_back();
        } else if (formats[i] == Format::Text) {
            values.emplace_back(to_text(row[i]));
        } else {
            values.emplace_back(std::visit(ToBinary{result.columns[i].type}, row[i]));
        }
    }
    wire::append_data_row(out, values);
}

}  // namespace pgpool::exec
