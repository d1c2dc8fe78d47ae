// SPDX-License-Identifier: PostgreSQL
#include "proxy/health/catalog_queries.h"

namespace pgpool::health {

// Objects of initdb have Oids below 16384 (FirstNormalObjectId); dependencies on them are not recorded.
std::string_view catalog_query(CatalogQuery query) {
    switch (query) {
        case CatalogQuery::Functions:
            // to_jsonb: prosqlbody exists since 14 only.
            return "SELECT p.oid, n.nspname, p.proname, p.provolatile, l.lanname, p.prokind, "
                   "CASE WHEN n.nspname <> 'pg_catalog' AND l.lanname IN ('sql', 'plpgsql') THEN p.prosrc "
                   "END, "
                   "CASE WHEN n.nspname <> 'pg_catalog' AND l.lanname = 'sql' AND p.prosrc = '' "
                   "THEN to_jsonb(p) ->> 'prosqlbody' END, "
                   "CASE WHEN n.nspname <> 'pg_catalog' THEN concat_ws(' ', a.aggtransfn::oid, "
                   "a.aggfinalfn::oid, "
                   "a.aggcombinefn::oid, a.aggserialfn::oid, a.aggdeserialfn::oid, a.aggmtransfn::oid, "
                   "a.aggminvtransfn::oid, a.aggmfinalfn::oid) END, "
                   "CASE WHEN n.nspname <> 'pg_catalog' THEN p.proargdefaults::text END "
                   "FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
                   "JOIN pg_language l ON l.oid = p.prolang LEFT JOIN pg_aggregate a ON a.aggfnoid = p.oid";
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
    }
    return {};
}

}  // namespace pgpool::health
