// SPDX-License-Identifier: PostgreSQL
#include "ctl/verify/schema_sql.h"

#include <fmt/core.h>

namespace pgpool::ctl::verify {

// Each statement then is a transaction of its own under this isolation. A row that row security would hide is
// an error rather than a row less; so is a view or a foreign table that has taken a table's place meanwhile,
// by servers that know how.
std::string_view session_settings() {
    return R"sql(
SET search_path = '';
SET bytea_output = 'hex';
SET DateStyle = 'ISO, YMD';
SET TimeZone = 'UTC';
SET extra_float_digits = 1;
SET IntervalStyle = 'postgres';
SET lc_monetary = 'C';
SET lc_numeric = 'C';
SET xmlbinary = 'base64';
SET quote_all_identifiers = off;
SET row_security = off;
SET jit = off;
SET statement_timeout = 0;
SET lock_timeout = 0;
SET client_connection_check_interval = '2s';
SET default_transaction_isolation = 'repeatable read';
SET default_transaction_read_only = on;
SELECT set_config(name, 'view, foreign-table', false) FROM pg_settings
WHERE name = 'restrict_nonsystem_relation_kind';
)sql";
}

namespace {

// Placeholders: @users(a) is the condition of_users(a), @rights(acl, kind, owner) the text of those rights.
constexpr std::string_view kSchema = R"sql(
SELECT 'schema', NULL, quote_ident(n.nspname), md5(ROW(pg_get_userbyid(n.nspowner),
    @rights(n.nspacl, 'n', n.nspowner))::text)
FROM pg_namespace n WHERE @users(n)
UNION ALL
SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
                      WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'composite type' ELSE 'table' END,
    format('%I.%I', n.nspname, c.relname), format('%I.%I', n.nspname, c.relname),
    md5(ROW(c.relkind, c.relpersistence, pg_get_userbyid(c.relowner),
        @rights(c.relacl, CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner),
        (SELECT amname FROM pg_am WHERE oid = c.relam), c.relrowsecurity, c.relforcerowsecurity, c.relreplident,
        (SELECT string_agg(o, ',' ORDER BY o) FROM unnest(c.reloptions) o),
        CASE c.relkind WHEN 'p' THEN pg_get_partkeydef(c.oid) END, pg_get_expr(c.relpartbound, c.oid),
        (SELECT string_agg(i.inhparent::regclass::text, ',' ORDER BY i.inhseqno) FROM pg_inherits i
         WHERE i.inhrelid = c.oid),
        CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
        (SELECT ROW(format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmax, s.seqmin, s.seqcache,
                    s.seqcycle)::text FROM pg_sequence s WHERE s.seqrelid = c.oid))::text)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND @users(n)
UNION ALL
SELECT 'column', format('%I.%I', n.nspname, c.relname), format('%I.%I.%I', n.nspname, c.relname, a.attname),
    md5(ROW(a.position, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
        a.attidentity, a.attgenerated, a.attcollation::regcollation::text,
        (SELECT string_agg(x::text, ',' ORDER BY x::text) FROM unnest(a.attacl) x))::text)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN LATERAL (SELECT row_number() OVER (ORDER BY b.attnum) AS position, b.* FROM pg_attribute b
              WHERE b.attrelid = c.oid AND b.attnum > 0 AND NOT b.attisdropped) a ON true
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND @users(n)
UNION ALL
SELECT 'constraint', format('%I.%I', n.nspname, c.relname), format('%I.%I.%I', n.nspname, c.relname, k.conname),
    md5(ROW(pg_get_constraintdef(k.oid), k.convalidated)::text)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE @users(n)
UNION ALL
SELECT 'index', format('%I.%I', n.nspname, c.relname), format('%I.%I', n.nspname, i.relname),
    md5(ROW(pg_get_indexdef(i.oid), x.indisvalid, x.indisready, x.indisreplident)::text)
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE @users(n)
UNION ALL
SELECT 'trigger', format('%I.%I', n.nspname, c.relname), format('%I.%I.%I', n.nspname, c.relname, t.tgname),
    md5(ROW(pg_get_triggerdef(t.oid), t.tgenabled)::text)
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal AND @users(n)
UNION ALL
SELECT 'rule', format('%I.%I', n.nspname, c.relname), format('%I.%I.%I', n.nspname, c.relname, w.rulename),
    md5(ROW(pg_get_ruledef(w.oid), w.ev_enabled)::text)
FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE w.rulename <> '_RETURN' AND @users(n)
UNION ALL
SELECT 'policy', format('%I.%I', n.nspname, c.relname), format('%I.%I.%I', n.nspname, c.relname, p.polname),
    md5(ROW(p.polcmd, p.polpermissive, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid),
        (SELECT string_agg(coalesce(r.rolname, 'public'), ',' ORDER BY r.rolname) FROM unnest(p.polroles) o
         LEFT JOIN pg_roles r ON r.oid = o))::text)
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE @users(n)
UNION ALL
SELECT 'function', NULL, format('%I.%I(%s)', n.nspname, f.proname, pg_get_function_identity_arguments(f.oid)),
    md5(ROW(f.prokind, CASE WHEN f.prokind <> 'a' THEN pg_get_functiondef(f.oid) END,
        (SELECT ROW(g.aggkind, g.aggnumdirectargs, g.aggtransfn::regprocedure::text, g.aggfinalfn::regprocedure::text,
                    g.aggcombinefn::regprocedure::text, format_type(g.aggtranstype, NULL), g.agginitval)::text
         FROM pg_aggregate g WHERE g.aggfnoid = f.oid),
        pg_get_userbyid(f.proowner), @rights(f.proacl, 'f', f.proowner))::text)
FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace WHERE @users(n)
UNION ALL
SELECT 'type', NULL, format('%I.%I', n.nspname, t.typname),
    md5(ROW(t.typtype, pg_get_userbyid(t.typowner), @rights(t.typacl, 'T', t.typowner),
        CASE t.typtype WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod) END, t.typnotnull, t.typdefault,
        (SELECT string_agg(quote_literal(e.enumlabel), ',' ORDER BY e.enumsortorder) FROM pg_enum e
         WHERE e.enumtypid = t.oid),
        (SELECT string_agg(quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid), ',' ORDER BY k.conname)
         FROM pg_constraint k WHERE k.contypid = t.oid),
        (SELECT ROW(format_type(g.rngsubtype, NULL), g.rngcollation::regcollation::text)::text FROM pg_range g
         WHERE g.rngtypid = t.oid))::text)
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype IN ('b', 'd', 'e', 'r', 'm') AND t.typelem = 0 AND @users(n)
UNION ALL
SELECT 'extension', NULL, quote_ident(e.extname), md5(ROW(e.extversion, e.extnamespace::regnamespace::text)::text)
FROM pg_extension e
UNION ALL
SELECT 'event trigger', NULL, quote_ident(v.evtname), md5(ROW(v.evtevent, v.evtfoid::regprocedure::text,
    v.evtenabled, v.evttags)::text)
FROM pg_event_trigger v
)sql";

// Replaces `@name(arguments)` of the text; arguments hold balanced parentheses only.
template <typename Expansion>
std::string expand(std::string_view text, std::string_view name, const Expansion& expansion) {
    std::string out;
    const std::string opening = fmt::format("@{}(", name);
    for (std::size_t at = text.find(opening); at != std::string_view::npos; at = text.find(opening)) {
        out += text.substr(0, at);
        text.remove_prefix(at + opening.size());
        std::size_t end = 0;
        for (int depth = 1; depth > 0; ++end) depth += text[end] == '(' ? 1 : text[end] == ')' ? -1 : 0;
        out += expansion(text.substr(0, end - 1));
        text.remove_prefix(end);
    }
    return out.append(text);
}

// Rights that were never changed and those that were changed back are the same rights.
std::string rights(std::string_view arguments) {
    const std::size_t comma = arguments.find(", ");
    return fmt::format(
        "(SELECT string_agg(x::text, ',' ORDER BY x::text) FROM unnest(coalesce({}, acldefault({}))) x)",
        arguments.substr(0, comma), arguments.substr(comma + 2));
}

}  // namespace

std::string of_users(std::string_view alias) {
    return fmt::format(
        "{0}.nspname NOT IN ('pg_catalog', 'information_schema', 'pgpool_replication') AND {0}.nspname !~ "
        "'^pg_(toast|temp)'",
        alias);
}

std::string schema_query() {
    return expand(expand(kSchema, "rights", rights), "users", of_users);
}

std::string_view server_query() {
    return R"sql(
SELECT 'role', NULL, quote_ident(r.rolname), md5(ROW(r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb,
    r.rolcanlogin, r.rolreplication, r.rolbypassrls, r.rolconnlimit, r.rolvaliduntil,
    (SELECT string_agg(c, E'\n' ORDER BY c) FROM unnest(r.rolconfig) c),
    (SELECT string_agg(ROW(pg_get_userbyid(m.roleid), m.admin_option)::text, ','
                       ORDER BY pg_get_userbyid(m.roleid)) FROM pg_auth_members m WHERE m.member = r.oid))::text)
FROM pg_roles r WHERE r.rolname !~ '^pg_'
UNION ALL
SELECT 'database', NULL, quote_ident(d.datname), md5(ROW(pg_get_userbyid(d.datdba), d.datconnlimit, d.datistemplate,
    (SELECT string_agg(x::text, ',' ORDER BY x::text)
     FROM unnest(coalesce(d.datacl, acldefault('d', d.datdba))) x))::text)
FROM pg_database d WHERE d.datallowconn AND d.datname <> 'template0'
)sql";
}

std::string_view verifiers_query() {
    return "SELECT 'password', NULL, quote_ident(rolname), md5(rolpassword) FROM pg_authid WHERE rolpassword "
           "IS NOT "
           "NULL";
}

std::string_view privileges_query() {
    return "SELECT has_table_privilege('pg_catalog.pg_authid', 'SELECT'),"
           " has_table_privilege('pg_catalog.pg_largeobject', 'SELECT')";
}

std::string sequences_query() {
    return fmt::format(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND {} ORDER BY 1, 2",
        of_users("n"));
}

}  // namespace pgpool::ctl::verify
