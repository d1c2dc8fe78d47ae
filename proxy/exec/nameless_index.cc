// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/nameless_index.h"

#include <fmt/core.h>

#include "proxy/sql/settings.h"

namespace pgpool::exec {

std::string note_invalid_indexes(std::string_view table) {
    return fmt::format(
        "SELECT pg_catalog.set_config('pgpool.invalid_indexes', (SELECT COALESCE(pg_catalog.string_agg("
        "indexrelid::pg_catalog.text, ','), '') FROM pg_catalog.pg_index WHERE NOT indisvalid AND indrelid "
        "OPERATOR(pg_catalog.=) pg_catalog.to_regclass({})), false)",
        sql::quote_literal(table));
}

std::string drop_new_invalid_indexes(std::string_view table) {
    const std::string body = fmt::format(
        "DECLARE left_behind pg_catalog.oid; BEGIN LOCK TABLE {0} IN ACCESS EXCLUSIVE MODE; "
        "FOR left_behind IN SELECT indexrelid FROM pg_catalog.pg_index WHERE NOT indisvalid AND indrelid "
        "OPERATOR(pg_catalog.=) pg_catalog.to_regclass({1}) AND indexrelid::pg_catalog.text "
        "OPERATOR(pg_catalog.<>) ALL (pg_catalog.string_to_array(pg_catalog.current_setting("
        "'pgpool.invalid_indexes'), ',')) LOOP "
        "EXECUTE pg_catalog.format('DROP INDEX %s', left_behind::pg_catalog.regclass); END LOOP; END",
        table, sql::quote_literal(table));
    return "DO " + sql::quote_literal(body);
}

}  // namespace pgpool::exec
