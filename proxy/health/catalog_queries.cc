// SPDX-License-Identifier: PostgreSQL
#include "proxy/health/catalog_queries.h"

#include <string>

#include "proxy/sql/settings.h"

namespace pgpool::health {
namespace {

// to_jsonb: prosqlbody exists since 14 only.
constexpr std::string_view kFunctions =
    "SELECT p.oid, n.nspname, p.proname, p.provolatile, l.lanname, p.prokind, "
    "CASE WHEN n.nspname <> 'pg_catalog' AND l.lanname IN ('sql', 'plpgsql') THEN p.prosrc "
    "END, "
    "CASE WHEN n.nspname <> 'pg_catalog' AND l.lanname = 'sql' AND p.prosrc = '' "
    "THEN to_jsonb(p) ->> 'prosqlbody' END, "
    "CASE WHEN n.nspname <> 'pg_catalog' THEN concat_ws(' ', a.aggtransfn::oid, "
    "a.aggfinalfn::oid, "
    "a.aggcombinefn::oid, a.aggserialfn::oid, a.aggdeserialfn::oid, a.aggmtransfn::oid, "
    "a.aggminvtransfn::oid, a.aggmfinalfn::oid) END, "
    "CASE WHEN n.nspname <> 'pg_catalog' THEN p.proargdefaults::text END, "
    // Of an IMMUTABLE body that is read: the types it takes and gives, and whether it takes what may hold
    // text.
    "CASE WHEN n.nspname <> 'pg_catalog' AND l.lanname IN ('sql', 'plpgsql') AND p.provolatile = 'i' THEN "
    "(SELECT "
    "string_agg(y.typname, ' ') FROM pg_type y WHERE y.oid < 16384 AND (y.oid = p.prorettype OR "
    "y.oid = ANY (coalesce(p.proallargtypes, p.proargtypes::oid[])))) END, "
    "CASE WHEN n.nspname <> 'pg_catalog' AND l.lanname IN ('sql', 'plpgsql') AND p.provolatile = 'i' THEN "
    "EXISTS (SELECT FROM "
    "unnest(p.proargtypes::oid[]) AS g(type) LEFT JOIN pg_type a ON a.oid = g.type AND a.typcategory = 'A' "
    "JOIN pg_type y ON y.oid = coalesce(a.typelem, g.type) WHERE y.oid >= 16384 OR y.typcategory NOT IN "
    "('B', 'D', 'G', 'I', 'N', 'R', 'T', 'V') AND y.typname NOT IN ('bytea', 'uuid')) END "
    "FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
    "JOIN pg_language l ON l.oid = p.prolang LEFT JOIN pg_aggregate a ON a.aggfnoid = p.oid";

// initdb makes the built-in functions in bootstrap mode, as transaction 1; a few it changes later itself.
constexpr std::string_view kChangedOnly =
    " WHERE p.oid >= 16384 OR n.nspname <> 'pg_catalog' OR p.xmin <> '1'";

// What a foreign key sets to its default counts for who writes the table that it refers to.
void restrict_to(const RelationNames& names, std::string_view relation, std::string& query) {
    std::string list;
    for (const std::string& name : names)
        list.append(list.empty() ? "" : ", ").append(sql::quote_literal(name));
    const std::string after = std::string(relation) + " >= 16384";
    const std::size_t at = query.find(after) + after.size();
    query.insert(at, " AND " + std::string(relation) + " IN (SELECT oid FROM pg_class WHERE relname IN (" +
                         list +
                         ") UNION ALL SELECT conrelid FROM pg_constraint WHERE contype = 'f' "
                         "AND 'd' IN (confdeltype, confupdtype))");
}

std::string_view replication_query(CatalogQuery query) {
    switch (query) {
        case CatalogQuery::Sequences:
            return "SELECT n.nspname, c.relname, c.relpersistence FROM pg_class c "
                   "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'S'";
        case CatalogQuery::Tables:
            // relhasrules may outlive the rules.
            return "SELECT c.oid, c.relkind, c.relname, c.relrowsecurity, EXISTS (SELECT FROM pg_rewrite r "
                   "WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN'), c.relispartition, "
                   "(SELECT k.conname FROM pg_constraint k WHERE k.conrelid = c.oid AND CASE k.contype WHEN "
                   "'f' "
                   "THEN k.confrelid = k.conrelid ELSE k.contype IN ('p', 'u', 'x') AND k.condeferrable END "
                   "LIMIT 1) FROM pg_class c "
                   "WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')";
        case CatalogQuery::Columns:
            // A domain brings its default and the input of its base type. Of types of users only enums and
            // those in C with an IMMUTABLE input are known not to read 'now'.
            return "SELECT a.attrelid, a.attname, a.attidentity, a.attgenerated <> '', "
                   "coalesce(d.adbin, t.typdefaultbin)::text, "
                   "CASE WHEN b.typname IN ('float4', 'float8') THEN 'float' "
                   "WHEN coalesce(e.oid, b.oid) < 16384 AND coalesce(e.typname, b.typname) ^@ 'reg' THEN "
                   "'object' "
                   "WHEN b.oid < 16384 AND b.typname IN ('date', 'time', 'timestamp', 'timestamptz') THEN "
                   "'date' "
                   "WHEN b.oid < 16384 THEN CASE WHEN b.typname IN ('timetz', '_date', '_time', "
                   "'_timestamp', "
                   "'_timestamptz', '_timetz', 'daterange', 'tsrange', 'tstzrange', 'datemultirange', "
                   "'tsmultirange', 'tstzmultirange', '_daterange', '_tsrange', '_tstzrange', "
                   "'_datemultirange', '_tsmultirange', '_tstzmultirange') OR b.typtype = 'c' THEN "
                   "'container' END "
                   "WHEN b.typtype = 'e' OR e.typtype = 'e' THEN NULL "
                   "WHEN b.typtype = 'b' AND coalesce(e.typtype, 'b') = 'b' AND "
                   "(SELECT bool_and(p.provolatile = 'i') FROM pg_proc p "
                   "WHERE p.oid IN (coalesce(e.typinput, b.typinput))) THEN NULL ELSE 'container' END, "
                   "CASE WHEN NOT EXISTS (SELECT FROM pg_cast x WHERE x.castsource = 'text'::regtype "
                   "AND x.castmethod = 'f' AND x.oid >= 16384 AND x.casttarget IN (t.oid, b.oid)) "
                   "THEN quote_ident(y.nspname) || '.' || quote_ident(t.typname) END, "
                   "EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indimmediate "
                   "AND (i.indisunique OR i.indisexclusion) AND (a.attnum = ANY (i.indkey::int2[]) "
                   "OR EXISTS (SELECT FROM pg_depend u WHERE u.classid = 'pg_class'::regclass "
                   "AND u.objid = i.indexrelid AND u.refclassid = 'pg_class'::regclass "
                   "AND u.refobjid = a.attrelid AND u.refobjsubid = a.attnum))), f.names, "
                   "a.attidentity <> '' OR b.oid IN (20, 21, 23) AND d.adbin::text ~ "
                   // nextval() (1574 in pg_proc.dat) of a constant, cast to int4 or int2 (480, 714) or not:
                   // pg_get_expr() would wait for locks.
                   "'^([{]FUNCEXPR :funcid (480|714) [^{}]*[(])?[{]FUNCEXPR :funcid 1574 [^{}]*[(]"
                   "[{]CONST [^{}]*[}][)][^{}]*[}]([)][^{}]*[}])?$', f.falls, "
                   // xml_out() leaves the declaration out.
                   "CASE b.oid WHEN 142 THEN '::pg_catalog.text' WHEN 143 THEN '::pg_catalog.text[]' END "
                   "FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
                   "AND c.relkind IN ('r', 'p', 'v', 'm', 'f') JOIN pg_type t ON t.oid = a.atttypid "
                   "JOIN pg_namespace y ON y.oid = t.typnamespace "
                   "JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END "
                   "LEFT JOIN pg_type e ON e.oid = b.typelem AND e.typarray = b.oid "
                   "LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
                   "LEFT JOIN LATERAL (SELECT string_agg(quote_ident(n.nspname) || '.' || "
                   "quote_ident(s.relname), chr(31) ORDER BY s.oid) AS names, "
                   "bool_or(q.seqincrement < 0) AS falls FROM pg_sequence q JOIN pg_class s ON s.oid = "
                   "q.seqrelid JOIN pg_namespace n ON n.oid = s.relnamespace WHERE q.seqrelid IN "
                   "(SELECT u.refobjid FROM pg_depend u WHERE u.classid = 'pg_attrdef'::regclass "
                   "AND u.objid = d.oid AND u.refclassid = 'pg_class'::regclass UNION ALL "
                   "SELECT u.refobjid FROM pg_depend u WHERE d.oid IS NULL AND u.classid = "
                   "'pg_type'::regclass AND u.objid = t.oid AND u.refclassid = 'pg_class'::regclass UNION "
                   "ALL SELECT u.objid FROM pg_depend u WHERE u.refclassid = 'pg_class'::regclass "
                   "AND u.refobjid = a.attrelid AND u.refobjsubid = a.attnum AND u.deptype = 'i' "
                   "AND u.classid = 'pg_class'::regclass)) f ON a.attidentity <> '' "
                   "OR coalesce(d.adbin, t.typdefaultbin) IS NOT NULL "
                   "WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid >= 16384 "
                   "ORDER BY a.attrelid, a.attnum";
        case CatalogQuery::Keys:
            // By the equality that the columns' types mean by "=": the default operator class and the
            // column's own collation, and no type for which an extension may have another idea of it.
            return "WITH parts AS (SELECT i.indexrelid, i.indrelid, x.relname, k.n, k.attnum, "
                   "i.indclass[k.n - 1] AS opclass, i.indcollation[k.n - 1] AS collation FROM pg_index i "
                   "JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam AND m.amname = "
                   "'btree' "
                   "CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, n) "
                   "WHERE i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL "
                   "AND i.indexprs IS NULL AND i.indrelid >= 16384 AND k.n <= i.indnkeyatts), "
                   "judged AS (SELECT p.*, a.attname, NOT a.attnotnull AS nullable, "
                   "bool_and(o.opcdefault AND p.collation = a.attcollation AND (b.oid < 16384 OR b.typtype = "
                   "'e')) "
                   "OVER (PARTITION BY p.indexrelid) AS good FROM parts p "
                   "JOIN pg_attribute a ON a.attrelid = p.indrelid AND a.attnum = p.attnum "
                   "JOIN pg_opclass o ON o.oid = p.opclass JOIN pg_type t ON t.oid = a.atttypid "
                   "JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END) "
                   "SELECT indexrelid, indrelid, relname, attname, nullable FROM judged WHERE good "
                   "ORDER BY indexrelid, n";
        case CatalogQuery::Events:
            // Those that partitions have from their table are internal before 15.
            return "SELECT t.tgrelid, t.tgname, t.tgtype, t.tgfoid, t.tgenabled, t.tgqual::text, "
                   "coalesce(t.tgoldtable, t.tgnewtable) IS NOT NULL, "
                   "split_part(encode(t.tgargs, 'escape'), chr(92) || '000', 1) FROM pg_trigger t "
                   "JOIN pg_proc p ON p.oid = t.tgfoid WHERE t.tgenabled <> 'D' AND (NOT t.tgisinternal OR "
                   "p.oid >= 16384 OR NOT (p.proname ^@ 'RI_FKey' OR p.proname = 'unique_key_recheck'))";
        case CatalogQuery::Checks:
            return "SELECT conrelid, contypid, conname, conbin::text FROM pg_constraint WHERE contype = 'c' "
                   "AND (conrelid >= 16384 OR contypid >= 16384) UNION ALL SELECT partrelid, 0, NULL, "
                   "partexprs::text FROM pg_partitioned_table WHERE partexprs IS NOT NULL";
        case CatalogQuery::ForeignKeys:
            return "SELECT k.oid, k.conname, k.confrelid, a.attname, k.conrelid, k.confdeltype, "
                   "k.confupdtype, b.attname, quote_ident(n.nspname) || '.' || quote_ident(c.relname), "
                   "c.relrowsecurity, coalesce(o.conrelid = k.conrelid, false), "
                   "k.condeferrable "
                   "FROM pg_constraint k CROSS JOIN LATERAL unnest(k.confkey, k.conkey) WITH ORDINALITY "
                   "u (parent, child, place) "
                   "JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.parent "
                   "JOIN pg_attribute b ON b.attrelid = k.conrelid AND b.attnum = u.child "
                   "JOIN pg_class c ON c.oid = k.confrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
                   "LEFT JOIN pg_constraint o ON o.oid = k.conparentid AND k.conparentid <> 0 "
                   "WHERE k.contype = 'f' AND (k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', "
                   "'n', 'd')) "
                   "ORDER BY k.oid, u.place";
        case CatalogQuery::Inheritance:
            return "SELECT i.inhparent, i.inhrelid, c.relispartition FROM pg_inherits i "
                   "JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind IN ('r', 'p', 'f')";
        case CatalogQuery::TypeInputs:
            return "SELECT n.nspname, t.typname, CASE WHEN t.typtype = 'e' OR e.typtype = 'e' THEN true "
                   "WHEN t.typtype = 'b' AND coalesce(e.typtype, 'b') = 'b' THEN (SELECT "
                   "bool_and(p.provolatile = 'i') "
                   "FROM pg_proc p WHERE p.oid IN (coalesce(e.typinput, t.typinput))) "
                   "WHEN t.typtype = 'd' AND t.typdefaultbin IS NULL THEN t.typbasetype < 16384 AND "
                   "(SELECT bool_and(p.provolatile = 'i') FROM pg_proc p WHERE p.oid IN (t.typinput, "
                   "(SELECT b.typinput FROM pg_type b WHERE b.oid = t.typbasetype)) AND p.proname <> "
                   "'domain_in') "
                   "AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.contypid = t.oid) "
                   "ELSE false END FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace "
                   "LEFT JOIN pg_type e ON e.oid = t.typelem AND e.typarray = t.oid WHERE t.oid >= 16384";
        case CatalogQuery::Global:
            return "SELECT 'cast', format_type(c.castsource, NULL) || ' AS ' || format_type(c.casttarget, "
                   "NULL) "
                   "FROM pg_cast c JOIN pg_proc p ON p.oid = c.castfunc AND p.provolatile <> 'i' WHERE c.oid "
                   ">= 16384 "
                   "UNION ALL SELECT 'event trigger', evtname::text FROM pg_event_trigger WHERE evtenabled "
                   "<> 'D' "
                   "UNION ALL SELECT DISTINCT 'operator', oprname::text FROM pg_operator WHERE oid >= 16384 "
                   "AND oprleft < 16384 AND oprright < 16384 "
                   "UNION ALL SELECT 'time limit', '' WHERE EXISTS (SELECT FROM pg_settings WHERE name IN "
                   "('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout') AND "
                   "reset_val <> '0') OR EXISTS (SELECT FROM pg_db_role_setting, unnest(setconfig) AS s "
                   "WHERE "
                   "split_part(s, '=', 1) IN ('statement_timeout', 'lock_timeout', "
                   "'idle_in_transaction_session_timeout'))";
        default:
            return {};
    }
}

}  // namespace

// Objects of initdb have Oids below 16384 (FirstNormalObjectId); dependencies on them are not recorded.
std::string_view catalog_query(CatalogQuery query) {
    switch (query) {
        case CatalogQuery::Functions:
            return kFunctions;
        case CatalogQuery::Relations:
            return "SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence FROM pg_class c "
                   "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', "
                   "'f')";
        case CatalogQuery::Trees:
            return "SELECT ev_class, CASE WHEN ev_type = '1' THEN 'view' ELSE 'rule' END, ev_action::text "
                   "FROM pg_rewrite WHERE ev_class >= 16384 UNION ALL "
                   "SELECT polrelid, 'policy', concat(polqual::text, ' ', polwithcheck::text) FROM pg_policy";
        case CatalogQuery::Triggers:
            return "SELECT tgrelid, tgfoid FROM pg_trigger WHERE NOT tgisinternal";
        case CatalogQuery::Uses:
            return "SELECT coalesce(d.adrelid, k.conrelid, i.indrelid), u.refobjid FROM pg_depend u "
                   "LEFT JOIN pg_attrdef d ON u.classid = 'pg_attrdef'::regclass AND d.oid = u.objid "
                   "LEFT JOIN pg_constraint k ON u.classid = 'pg_constraint'::regclass AND k.oid = u.objid "
                   "LEFT JOIN pg_index i ON u.classid = 'pg_class'::regclass AND i.indexrelid = u.objid "
                   "WHERE u.refclassid = 'pg_proc'::regclass AND u.classid IN ('pg_attrdef'::regclass, "
                   "'pg_constraint'::regclass, 'pg_class'::regclass) "
                   "AND coalesce(d.adrelid, k.conrelid, i.indrelid) IS NOT NULL";
        case CatalogQuery::Unnamed:
            return "SELECT 'operator', oprname::text, oprcode::oid FROM pg_operator WHERE oid >= 16384 "
                   "UNION ALL SELECT 'row', p.proname::text, p.oid FROM pg_proc p "
                   "JOIN pg_type t ON t.oid = p.proargtypes[0] AND t.typtype IN ('c', 'p') "
                   "WHERE p.oid >= 16384 AND p.pronargs - p.pronargdefaults <= 1 "
                   "UNION ALL SELECT 'conversion', '', castfunc FROM pg_cast WHERE castfunc >= 16384 "
                   "UNION ALL SELECT 'conversion', '', u.refobjid FROM pg_depend u JOIN pg_constraint k "
                   "ON k.oid = u.objid AND k.contypid <> 0 WHERE u.classid = 'pg_constraint'::regclass "
                   "AND u.refclassid = 'pg_proc'::regclass";
        case CatalogQuery::Links:
            return "SELECT i.inhparent, i.inhrelid FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhparent "
                   "AND c.relkind IN ('r', 'p', 'f') UNION ALL SELECT confrelid, conrelid FROM pg_constraint "
                   "WHERE contype = 'f' AND (confdeltype IN ('c', 'n', 'd') OR confupdtype IN ('c', 'n', "
                   "'d'))";
        case CatalogQuery::Types:
            // A name counts with its worst bearer, so all that share a harmless type's name are listed.
            return "WITH simple AS MATERIALIZED (SELECT t.oid, t.typarray, t.typname FROM pg_type t "
                   "WHERE t.oid >= 16384 AND (t.typtype = 'e' OR t.typtype = 'd' AND t.typbasetype < 16384 "
                   "AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.contypid = t.oid)) "
                   "AND NOT EXISTS (SELECT FROM pg_cast c WHERE t.oid IN (c.castsource, c.casttarget))), "
                   "listed AS MATERIALIZED (SELECT oid FROM simple UNION SELECT typarray FROM simple) "
                   "SELECT n.nspname, t.typname, t.oid IN (SELECT oid FROM listed) FROM pg_type t "
                   "JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typname IN "
                   "(SELECT l.typname FROM pg_type l WHERE l.oid IN (SELECT oid FROM listed))";
        default:
            return replication_query(query);
    }
}

std::string changed_query(CatalogQuery query, const RelationNames& names) {
    std::string text(catalog_query(query));
    if (query == CatalogQuery::Functions) return text.append(kChangedOnly);
    if (names.empty()) return text;
    if (query == CatalogQuery::Columns) restrict_to(names, "a.attrelid", text);
    if (query == CatalogQuery::Keys) restrict_to(names, "i.indrelid", text);
    return text;
}

}  // namespace pgpool::health
