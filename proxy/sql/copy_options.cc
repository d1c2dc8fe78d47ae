// SPDX-License-Identifier: PostgreSQL
#include "proxy/sql/copy_options.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "proxy/sql/raw_tree.h"

namespace pgpool::sql {
namespace {

using Format = CopyRows::Format;
using Header = CopyRows::Header;

// Those by which the server decides which lines are left out.
bool leaves_out(std::string_view name) {
    return name == "on_error" || name == "reject_limit";
}

// Those that leave it to the server which lines become rows, or what becomes of a field, as it does without.
bool is_harmless(std::string_view name) {
    constexpr auto kNames = std::to_array<std::string_view>(
        {"delimiter", "encoding", "escape", "force_not_null", "force_null", "force_quote", "format", "freeze",
         "header", "log_verbosity", "null", "quote"});
    return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

std::string text_of(const DefElem* option) {
    return is(option->arg, T_String) ? std::string(as<String>(option->arg)->sval) : std::string();
}

const DefElem* find_option(const List* options, std::string_view name) {
    const DefElem* found = nullptr;
    for (const ListCell& cell : Elements(options)) {
        const auto* option = as<DefElem>(cell.ptr_value);
        if (name == option->defname) found = option;
    }
    return found;
}

Format to_format(const std::string& name) {
    if (name == "csv") return Format::Csv;
    return name == "binary" ? Format::Binary : Format::Text;
}

// PG: defGetCopyHeaderChoice(). Nothing: several lines, which only later versions know.
std::optional<Header> to_header(const DefElem* option) {
    if (option == nullptr) return Header::None;
    if (is(option->arg, T_Integer)) {
        const int lines = as<Integer>(option->arg)->ival;
        if (lines > 1) return std::nullopt;
        return lines == 1 ? Header::Skipped : Header::None;
    }
    if (is(option->arg, T_Boolean)) return as<Boolean>(option->arg)->boolval ? Header::Skipped : Header::None;
    const std::string value = to_lower_ascii(text_of(option));
    if (value == "match") return Header::Matched;
    return value == "false" || value == "off" ? Header::None : Header::Skipped;
}

void set_character(char& to, const List* options, std::string_view name) {
    const DefElem* option = find_option(options, name);
    const std::string value = option != nullptr ? text_of(option) : std::string();
    if (value.size() == 1) to = value[0];
}

}  // namespace

CopyRows read_copy_rows(const CopyStmt* node) {
    CopyRows rows;
    const DefElem* format = find_option(node->options, "format");
    if (format != nullptr) rows.format = to_format(text_of(format));
    if (rows.format == Format::Csv) {
        rows.delimiter = ',';
        rows.null.clear();
    }
    set_character(rows.delimiter, node->options, "delimiter");
    set_character(rows.quote, node->options, "quote");
    rows.escape = rows.quote;
    set_character(rows.escape, node->options, "escape");
    if (const DefElem* null = find_option(node->options, "null")) rows.null = text_of(null);
    if (const DefElem* encoding = find_option(node->options, "encoding")) rows.encoding = text_of(encoding);
    const auto header = to_header(find_option(node->options, "header"));
    rows.header = header.value_or(Header::None);
    if (!header) rows.other = "a HEADER of several lines";
    if (node->whereClause != nullptr) rows.other = "WHERE";
    const Elements options(node->options);
    for (const ListCell& cell : options) {
        const std::string_view name = as<DefElem>(cell.ptr_value)->defname;
        if (!is_harmless(name)) rows.other = "an option of later versions";
        rows.is_clear = rows.is_clear && (is_harmless(name) || leaves_out(name));
    }
    return rows;
}

}  // namespace pgpool::sql
