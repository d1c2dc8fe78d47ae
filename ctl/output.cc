// SPDX-License-Identifier: PostgreSQL
#include "ctl/output.h"

#include <algorithm>
#include <charconv>

namespace pgpool::ctl {

namespace {

// pg_type.dat
enum Oid : std::uint32_t {
    kBool = 16,
    kInt8 = 20,
    kInt2 = 21,
    kInt4 = 23,
    kFloat4 = 700,
    kFloat8 = 701,
    kNumeric = 1700
};

bool is_integer(std::uint32_t type) {
    return type == kInt8 || type == kInt2 || type == kInt4;
}

bool is_number(std::uint32_t type) {
    return is_integer(type) || type == kFloat4 || type == kFloat8 || type == kNumeric;
}

std::string printable(const std::optional<std::string>& cell) {
    if (!cell) return "-";
    std::string text = *cell;
    std::replace_if(
        text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
    return text;
}

// Code points, which is near enough to columns of a terminal.
std::size_t width_of(const std::string& text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](unsigned char c) { return (c & 0xc0U) != 0x80U; }));
}

using Line = std::vector<std::string>;

void append_line(std::string& out, const Line& line, const std::vector<std::size_t>& widths,
                 const Table& table) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const std::string padding(widths[i] - width_of(line[i]), ' ');
        if (i > 0) text += "  ";
        text += table.columns[i].is_number ? padding + line[i] : line[i] + padding;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
}

template <typename Number>
Json number_of(const std::string& text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return text;
    return value;
}

Json value_of(const pg::Rows::Cell& cell, std::uint32_t type) {
    if (!cell) return nullptr;
    if (type == kBool) return *cell == "t";
    if (is_integer(type)) return number_of<std::int64_t>(*cell);
    // NaN and infinities are no numbers in JSON.
    if (is_number(type) && cell->find_first_of("nN") == std::string::npos) return number_of<double>(*cell);
    return *cell;
}

}  // namespace

Table table_of(const pg::Rows& rows) {
    Table table;
    for (const pg::Rows::Column& column : rows.header())
        table.columns.push_back({column.name, is_number(column.type)});
    for (std::size_t row = 0; row < rows.size(); ++row) {
        auto& cells = table.rows.emplace_back();
        for (std::size_t column = 0; column < rows.columns(); ++column) cells.push_back(rows.at(row, column));
    }
    return table;
}

std::string render(const Table& table) {
    std::vector<Line> lines(1);
    for (const Table::Column& column : table.columns) lines.front().push_back(column.name);
    for (const auto& row : table.rows) {
        Line& line = lines.emplace_back();
        std::transform(row.begin(), row.end(), std::back_inserter(line), printable);
    }
    std::vector<std::size_t> widths(table.columns.size());
    for (const Line& line : lines) {
        for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width_of(line[i]));
    }
    std::string out;
    for (const Line& line : lines) append_line(out, line, widths, table);
    return out;
}

Json json_of(const pg::Rows& rows) {
    Json list = Json::array();
    for (std::size_t row = 0; row < rows.size(); ++row) {
        Json object = Json::object();
        for (std::size_t column = 0; column < rows.columns(); ++column) {
            const pg::Rows::Column& header = rows.header()[column];
            object[header.name] = value_of(rows.at(row, column), header.type);
        }
        list.push_back(std::move(object));
    }
    return list;
}

std::string render(const Json& document) {
    return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace pgpool::ctl
