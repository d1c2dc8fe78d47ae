// SPDX-License-Identifier: PostgreSQL
#include "common/nodecheck/facts.h"

#include <charconv>

namespace pgpool::nodecheck {

// Only the major version counts: minor ones are mixed while nodes are updated one by one. lc_collate and
// lc_ctype are those of the database that is asked and come with the databases. Whatever the search path is:
// that is one of those that are asked for.
std::string_view settings_query() {
    return R"sql(
SELECT 'server_version (major)', (pg_catalog.current_setting('server_version_num')::pg_catalog.int4
                                  OPERATOR(pg_catalog./) 10000)::pg_catalog.text
UNION ALL
SELECT name, setting FROM pg_catalog.pg_settings WHERE pg_catalog.lower(name) OPERATOR(pg_catalog.=) ANY (ARRAY[
    'array_nulls', 'backslash_quote', 'block_size', 'bytea_output', 'datestyle', 'default_text_search_config',
    'default_transaction_isolation', 'extra_float_digits', 'fsync', 'full_page_writes', 'integer_datetimes', 'intervalstyle', 'lc_messages',
    'lc_monetary', 'lc_numeric', 'lc_time', 'max_identifier_length', 'max_prepared_transactions', 'search_path',
    'server_encoding', 'standard_conforming_strings', 'timezone', 'timezone_abbreviations',
    'transform_null_equals', 'xmlbinary', 'xmloption']::pg_catalog.text[])
UNION ALL
SELECT pg_catalog.concat_ws(' ', pg_catalog.split_part(c.setting, '=', 1),
                            'of role ' OPERATOR(pg_catalog.||) pg_catalog.quote_ident(r.rolname),
                            'in database ' OPERATOR(pg_catalog.||) pg_catalog.quote_ident(d.datname)),
       pg_catalog.substr(c.setting, pg_catalog.strpos(c.setting, '=') OPERATOR(pg_catalog.+) 1)
FROM pg_catalog.pg_db_role_setting s
LEFT JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) s.setdatabase
LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) s.setrole
CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c(setting)
)sql";
}

// One with datconnlimit -2 is what an interrupted DROP DATABASE has left: nobody can connect to it.
// Names of columns differ: daticulocale is new in 15 and datlocale since 17, datlocprovider is new in 15, as
// is the function; before that all is of libc.
std::string databases_query(int major) {
    const std::string version =
        major < 15 ? "NULL" : "pg_catalog.pg_database_collation_actual_version(d.oid)";
    return R"sql(
SELECT d.datname, p.name, p.value FROM pg_catalog.pg_database d CROSS JOIN LATERAL pg_catalog.to_jsonb(d) AS r(columns)
CROSS JOIN LATERAL (VALUES
    ('encoding', pg_catalog.pg_encoding_to_char(d.encoding)),
    ('collation', d.datcollate),
    ('ctype', d.datctype),
    ('locale', COALESCE(r.columns OPERATOR(pg_catalog.->>) 'daticulocale', r.columns OPERATOR(pg_catalog.->>) 'datlocale')),
    ('locale provider', CASE COALESCE(r.columns OPERATOR(pg_catalog.->>) 'datlocprovider', 'c')
        WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE r.columns OPERATOR(pg_catalog.->>) 'datlocprovider' END),
    ('collation version', )sql" +
           version + R"sql()
) AS p(name, value)
WHERE d.datallowconn AND d.datconnlimit <> -2 AND d.datname <> 'template0'
)sql";
}

int major_version(const NodeFacts& facts) {
    const auto found = facts.settings.find("server_version (major)");
    if (found == facts.settings.end()) return 0;
    int major = 0;
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), major);
    return major;
}

std::string_view extensions_query() {
    return "SELECT extname, extversion FROM pg_catalog.pg_extension";
}

namespace {

Values values_of(std::span<const Row> rows) {
    Values values;
    for (const Row& row : rows) {
        if (row.size() == 2) values[row[0]] = row[1];
    }
    return values;
}

}  // namespace

void add_settings(NodeFacts& facts, std::span<const Row> rows) {
    facts.settings.merge(values_of(rows));
}

void add_databases(NodeFacts& facts, std::span<const Row> rows) {
    for (const Row& row : rows) {
        if (row.size() == 3) facts.databases[row[0]].properties[row[1]] = row[2];
    }
}

void add_extensions(NodeFacts& facts, const std::string& database, std::span<const Row> rows) {
    DatabaseFacts& found = facts.databases[database];
    found.extensions = values_of(rows);
    found.extensions_known = true;
}

}  // namespace pgpool::nodecheck
