// SPDX-License-Identifier: PostgreSQL
#include "ctl/verify/table.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <functional>

#include "common/base/bytes.h"
#include "common/pg/sql_text.h"
#include "ctl/verify/schema_sql.h"

namespace pgpool::ctl::verify {

namespace {

// Of a row's text under the settings of session_settings(): by the output functions of its types, which only
// a superuser can make, while a cast may run anybody's code. 64 of md5's bits; summed up they tell multisets
// apart.
constexpr std::string_view kHash = "('x' || substr(md5(format('%s', r.*)), 1, 16))::bit(64)::bigint";

// Only types that a superuser has made make a key: reading a bound of another could run a check of its owner.
// Of a domain the base counts.
constexpr std::string_view kTables = R"sql(
SELECT n.nspname, c.relname, greatest(c.reltuples, 0)::bigint, a.attname,
       format_type(base.type, base.typmod),
       CASE WHEN base.is_plain AND (o.nspname = 'pg_catalog' OR opc.opcintype = a.atttypid) THEN o.nspname END
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary AND i.indisvalid
LEFT JOIN LATERAL unnest(i.indkey, i.indclass) WITH ORDINALITY AS k(attnum, opclass, position)
    ON k.position <= i.indnkeyatts
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
LEFT JOIN pg_opclass opc ON opc.oid = k.opclass
LEFT JOIN pg_amop am ON am.amopfamily = opc.opcfamily AND am.amoplefttype = opc.opcintype
    AND am.amoprighttype = opc.opcintype AND am.amopstrategy = 5
LEFT JOIN pg_operator op ON op.oid = am.amopopr
LEFT JOIN pg_namespace o ON o.oid = op.oprnamespace
LEFT JOIN LATERAL (
    WITH RECURSIVE base(type, typmod) AS (
        SELECT a.atttypid, a.atttypmod
        UNION ALL
        SELECT t.typbasetype, t.typtypmod FROM base b JOIN pg_type t ON t.oid = b.type WHERE t.typtype = 'd')
    SELECT b.type, b.typmod, t.typtype = 'b' AND coalesce(e.typtype = 'b', true) AS is_plain
    FROM base b JOIN pg_type t ON t.oid = b.type LEFT JOIN pg_type e ON e.oid = t.typelem
    WHERE t.typtype <> 'd') AS base ON true
WHERE c.relkind IN ('r', 'm') AND (c.relkind <> 'm' OR c.relispopulated) AND c.relpersistence IN ({})
    AND {}
ORDER BY 1, 2, k.position)sql";

constexpr std::string_view kLargeObjects = R"sql((
SELECT m.oid AS loid, pg_get_userbyid(m.lomowner) AS owner,
       (SELECT string_agg(x::text, ',' ORDER BY x::text) FROM unnest(m.lomacl) x) AS rights,
       (SELECT sum(('x' || substr(md5(l.pageno || ':' || md5(l.data)), 1, 16))::bit(64)::bigint::numeric)
        FROM pg_largeobject l WHERE l.loid = m.oid) AS pages
FROM pg_largeobject_metadata m))sql";

std::string from(const Table& table) {
    if (!table.source.empty()) return table.source + " AS r";
    return fmt::format("ONLY {}.{} AS r", pg::quote_identifier(table.schema),
                       pg::quote_identifier(table.name));
}

using Part = std::function<std::string(const KeyColumn&, std::size_t)>;

std::string joined(const std::vector<KeyColumn>& key, std::string_view separator, const Part& part) {
    std::string text;
    for (std::size_t i = 0; i < key.size(); ++i) {
        if (i > 0) text += separator;
        text += part(key[i], i);
    }
    return text;
}

std::string column(const KeyColumn& key, std::size_t /*position*/ = 0) {
    return "r." + pg::quote_identifier(key.name);
}

std::string operation(const KeyColumn& key, std::string_view symbol) {
    return fmt::format("OPERATOR({}.{})", pg::quote_identifier(key.operator_schema), symbol);
}

// Parameters are numbered in the order in which they are taken.
std::string take(Statement& statement, const KeyColumn& key, const std::string& value) {
    statement.parameters.emplace_back(value);
    return fmt::format("${}::{}", statement.parameters.size(), key.type);
}

std::string compare_key(Statement& statement, const Table& table, std::string_view symbol, const Key& bound) {
    const std::string columns = joined(table.key, ", ", column);
    const std::string values = joined(
        table.key, ", ", [&](const KeyColumn& key, std::size_t i) { return take(statement, key, bound[i]); });
    const char* const row = table.key.size() > 1 ? "ROW" : "";
    return fmt::format("{}({}) {} {}({})", row, columns, operation(table.key.front(), symbol), row, values);
}

std::string equal_key(Statement& statement, const Table& table, const Key& wanted) {
    return "(" +
           joined(table.key, " AND ",
                  [&](const KeyColumn& key, std::size_t i) {
                      return column(key) + " " + operation(key, "=") + " " + take(statement, key, wanted[i]);
                  }) +
           ")";
}

std::string within(Statement& statement, const Table& table, const Range& range) {
    std::string text = "true";
    if (range.lower) text += " AND " + compare_key(statement, table, ">", *range.lower);
    if (range.upper) text += " AND " + compare_key(statement, table, "<=", *range.upper);
    return text;
}

std::string keys_and_digest(const Table& table) {
    return joined(table.key, ", ", column) + ", md5(format('%s', r.*))";
}

// Row comparison takes one operator's name for all columns.
bool makes_chunks(const std::vector<KeyColumn>& key) {
    return std::all_of(key.begin(), key.end(), [&](const KeyColumn& one) {
        return !one.operator_schema.empty() && one.operator_schema == key.front().operator_schema;
    });
}

bool is_plain(std::string_view name) {
    const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
    return !name.empty() && is_letter(name.front()) && std::all_of(name.begin(), name.end(), [&](char c) {
        return is_letter(c) || (c >= '0' && c <= '9');
    });
}

std::string spelled(const std::string& name) {
    return is_plain(name) ? name : pg::quote_identifier(name);
}

// One part of a dotted name from the front of `text`, which keeps the rest.
std::optional<std::string> take_name(std::string_view& text) {
    std::string name;
    if (!text.starts_with('"')) {
        const std::size_t end = std::min(text.find('.'), text.size());
        name = to_lower_ascii(text.substr(0, end));
        text.remove_prefix(end);
        return name.empty() || name.find('"') != std::string::npos ? std::nullopt : std::optional(name);
    }
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (text[i] != '"') {
            name += text[i];
        } else if (text.substr(i + 1).starts_with('"')) {
            name += text[i++];
        } else {
            text.remove_prefix(i + 1);
            return name.empty() ? std::nullopt : std::optional(name);
        }
    }
    return std::nullopt;
}

}  // namespace

std::string Table::label() const {
    return schema.empty() ? name : spelled(schema) + "." + spelled(name);
}

std::vector<std::string> Table::key_names() const {
    std::vector<std::string> names;
    for (const KeyColumn& one : key) names.push_back(one.name);
    return names;
}

std::string tables_query(Unlogged unlogged) {
    return fmt::format(fmt::runtime(kTables), unlogged == Unlogged::Included ? "'p', 'u'" : "'p'",
                       of_users("n"));
}

std::vector<Table> tables_of(const pg::Rows& rows) {
    std::vector<Table> tables;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const std::string_view schema = rows.text(row, 0);
        const std::string_view name = rows.text(row, 1);
        if (tables.empty() || tables.back().schema != schema || tables.back().name != name) {
            Table& added = tables.emplace_back();
            added.schema = schema;
            added.name = name;
            const std::string_view estimate = rows.text(row, 2);
            std::from_chars(estimate.data(), estimate.data() + estimate.size(), added.estimated_rows);
        }
        if (rows.at(row, 3)) {
            tables.back().key.push_back({std::string(rows.text(row, 3)), std::string(rows.text(row, 4)),
                                         std::string(rows.text(row, 5))});
        }
    }
    for (Table& table : tables) {
        if (!makes_chunks(table.key)) table.key.clear();
    }
    return tables;
}

Table large_objects() {
    return {"", "large objects", 0, {{"loid", "oid", "pg_catalog"}}, std::string(kLargeObjects)};
}

Statement boundary(const Table& table, const std::optional<Key>& lower, std::uint32_t chunk) {
    Statement statement;
    const std::string where = within(statement, table, {lower, std::nullopt});
    const std::string columns = joined(table.key, ", ", column);
    statement.sql = fmt::format("SELECT {} FROM {} WHERE {} ORDER BY {} OFFSET {} LIMIT 1", columns,
                                from(table), where, columns, chunk - 1);
    return statement;
}

Statement range_digest(const Table& table, const Range& range) {
    Statement statement;
    const std::string where = within(statement, table, range);
    statement.sql =
        fmt::format("SELECT count(*), sum(({})::numeric) FROM {} WHERE {}", kHash, from(table), where);
    return statement;
}

Statement range_rows(const Table& table, const Range& range) {
    Statement statement;
    const std::string where = within(statement, table, range);
    statement.sql = fmt::format("SELECT {} FROM {} WHERE {}", keys_and_digest(table), from(table), where);
    return statement;
}

Statement rows_of_keys(const Table& table, const std::vector<Suspect>& keys) {
    Statement statement;
    std::string where = "false";
    for (const Suspect& one : keys) where += " OR " + equal_key(statement, table, one.key);
    statement.sql = fmt::format("SELECT {} FROM {} WHERE {}", keys_and_digest(table), from(table), where);
    return statement;
}

Statement bucket_digests(const Table& table, std::uint32_t buckets) {
    return {fmt::format(
                "SELECT h & {}, count(*), sum(h::numeric) FROM (SELECT {} AS h FROM {}) AS hashed GROUP BY 1",
                buckets - 1, kHash, from(table)),
            {}};
}

Statement bucket_rows(const Table& table, std::uint32_t buckets, const std::vector<Suspect>& wanted) {
    std::string list;
    for (const Suspect& bucket : wanted) list += (list.empty() ? "" : ",") + bucket.key.front();
    return {fmt::format("SELECT h, count(*) FROM (SELECT {} AS h FROM {}) AS hashed WHERE h & {} = "
                        "ANY ($1::bigint[]) GROUP BY 1",
                        kHash, from(table), buckets - 1),
            {"{" + list + "}"}};
}

Statement row_of_hash(const Table& table, const std::string& hash) {
    return {fmt::format("SELECT left(format('%s', r.*), 200) FROM {} WHERE {} = $1::bigint LIMIT 1",
                        from(table), kHash),
            {hash}};
}

std::uint32_t buckets_for(std::uint64_t rows, std::uint32_t chunk) {
    constexpr std::uint32_t kMost = 4096;
    std::uint32_t buckets = 1;
    while (buckets < kMost && rows / buckets > chunk) buckets *= 2;
    return buckets;
}

std::optional<std::pair<std::string, std::string>> parse_table_name(std::string_view text) {
    std::optional<std::string> schema = take_name(text);
    if (!schema || !text.starts_with('.')) return std::nullopt;
    text.remove_prefix(1);
    std::optional<std::string> name = take_name(text);
    if (!name || !text.empty()) return std::nullopt;
    return std::pair(std::move(*schema), std::move(*name));
}

}  // namespace pgpool::ctl::verify
