// SPDX-License-Identifier: PostgreSQL
#include "proxy/replication/copy_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/sql/lexer.h"
#include "proxy/sql/settings.h"

namespace pgpool::replication {
namespace {

using Format = sql::CopyRows::Format;

std::size_t integer_size(std::string_view type) {
    constexpr auto kTypes = std::to_array<std::pair<std::string_view, std::size_t>>(
        {{"pg_catalog.int2", 2}, {"pg_catalog.int4", 4}, {"pg_catalog.int8", 8}});
    const auto* found =
        std::find_if(kTypes.begin(), kTypes.end(), [&](const auto& known) { return known.first == type; });
    return found == kTypes.end() ? 0 : found->second;
}

}  // namespace

std::string add_column(CopyPlan& plan, const sql::ColumnFacts& column) {
    const bool draws = column.filled == sql::Default::Sequence;
    if (draws && column.sequences.empty())
        return fmt::format("which sequence fills \"{}\" depends on the search path", column.name);
    if (column.type.empty() || !column.cast.empty())
        return fmt::format("column \"{}\" is of a type that is not written as it is read", column.name);
    const std::size_t size = integer_size(column.type);
    if (size == 0 && plan.rows.format == Format::Binary)
        return fmt::format("in binary format column \"{}\" is no integer", column.name);
    plan.columns.push_back({.name = column.name, .size = size});
    if (draws) plan.moved.insert(plan.moved.end(), column.sequences.begin(), column.sequences.end());
    return {};
}

std::string obstacle_to_filling(const sql::CopyRows& rows, bool is_one) {
    if (!rows.other.empty()) return fmt::format("COPY has {}", rows.other);
    if (hides_ascii(rows.encoding)) return fmt::format("the rows are in {}", rows.encoding);
    return is_one ? std::string() : std::string("several tables bear that name");
}

std::string with_telling(std::string_view sql, const CopyPlan& plan) {
    std::vector<std::string> values;
    for (const CopyPlan::Column& column : plan.columns)
        values.push_back(
            fmt::format("CASE WHEN pg_catalog.num_nulls({0}) OPERATOR(pg_catalog.=) 0 THEN "
                        "pg_catalog.format('%s', {0}) END",
                        sql::in_quotes(column.name)));
    const std::string_view statement = sql::between_semicolons(sql).front();
    const auto end = static_cast<std::size_t>(statement.data() + statement.size() - sql.data());
    return fmt::format("{} WHERE pgpool_replication.tell(pg_catalog.current_setting('array_nulls'), {}){}",
                       sql.substr(0, end), fmt::join(values, ", "), sql.substr(end));
}

std::string with_columns(std::string_view sql, const CopyPlan& plan) {
    std::string names;
    for (const CopyPlan::Column& column : plan.columns) names += sql::in_quotes(column.name) + ", ";
    sql::Lexer lexer(sql);
    sql::Token token = lexer.next();
    while (token.kind != sql::TokenKind::End && token.text != "(") token = lexer.next();
    const auto at = static_cast<std::size_t>(lexer.position() - sql.data());
    return fmt::format("{}{}{}", sql.substr(0, at), names, sql.substr(at));
}

// PG: pg_encname_tbl, of those with PG_ENCODING_IS_CLIENT_ONLY.
bool hides_ascii(std::string_view encoding) {
    constexpr auto kNames = std::to_array<std::string_view>(
        {"big5", "gb18030", "gbk", "johab", "mskanji", "shiftjis", "shiftjis2004", "sjis", "uhc", "win932",
         "win936", "win949", "win950", "windows932", "windows936", "windows949", "windows950"});
    std::string name;
    for (const char c : encoding) {
        const char folded = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 0x20) : c;
        if ((folded >= 'a' && folded <= 'z') || (folded >= '0' && folded <= '9')) name += folded;
    }
    return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

bool same_filling(const CopyPlanPtr& one, const CopyPlanPtr& other) {
    return one && other ? *one == *other : one == other;
}

}  // namespace pgpool::replication
