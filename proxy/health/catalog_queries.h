// SPDX-License-Identifier: PostgreSQL
#pragma once

// The queries that read the catalogs of a database for sql::CatalogFacts, and the columns they give. They
// work from PostgreSQL 12 on, with the privileges of any role, give the same under any setting but
// search_path, and take no lock but ACCESS SHARE on catalogs,
// each for its own duration. REQUIRES: search_path is pg_catalog.

#include <array>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "common/pg/rows.h"

namespace pgpool::health {

enum class CatalogQuery : std::uint8_t {
    Functions,  // oid, schema, name, volatility, language, kind, source, SQL-standard body, functions of an
                // aggregate, defaults of arguments; of IMMUTABLE ones in SQL and PL/pgSQL the names of all
                // types of its arguments and results, and whether an argument may hold text
    Relations,  // oid, schema, name, kind, persistence
    Trees,      // relation, kind (see below), node tree: view queries, rules, policies
    Triggers,   // relation, function
    Uses,       // relation, function: in defaults, constraints, index expressions
    Unnamed,    // kind (see below), name, function: code of users that is called otherwise than by name(...)
    Links,      // relation, other relation that a write to the first may write too (partitions, foreign keys)
    Types,      // schema, name, harmless
    // The rest for mode replication only.
    Sequences,  // schema, name, persistence
    Tables,     // relation, kind, name, row security, has rules, is a partition, a constraint that is checked
                // at the end of statements: to itself, or deferrable
    Columns,    // relation, name, identity, is generated, default as node tree, content (see below), type if
                // text becomes it by its input function, is in an index that is checked row by row,
                // sequences of the default, it is one of them as it is, one of them counts down, cast without
                // which its output function drops some of it
    Keys,       // index, relation, name, column, column may be null: a row per column
    Events,     // relation, trigger, tgtype, function, tgenabled, WHEN as node tree, has transition tables,
                // its first argument
    Checks,     // relation or 0, type or 0, name, node tree; without a name: expressions of its partition key
    ForeignKeys,  // constraint, name, referenced relation, its column, referencing relation, on delete, on
                  // update, referencing column, referenced relation as SQL, it has row security, it is only a
                  // partition of what the key refers to, it is deferrable: those that act, a row per column
    Inheritance,  // parent, child, child is a partition
    TypeInputs,   // schema, name, deterministic: of users
    Global,       // kind (see below), name
};
inline constexpr std::size_t kRoutingQueries = 8;  // the first ones: all that routing needs
inline constexpr std::size_t kCatalogQueries = 18;

// Contents of columns.
inline constexpr std::string_view kFloatContent = "float";
inline constexpr std::string_view kObjectContent = "object";
inline constexpr std::string_view kDateContent = "date";
inline constexpr std::string_view kContainerContent = "container";

// Kinds of what concerns the whole database.
inline constexpr std::string_view kBadCast = "cast";
inline constexpr std::string_view kEventTrigger = "event trigger";
inline constexpr std::string_view kShadowingOperator = "operator";
inline constexpr std::string_view kTimeLimit = "time limit";

// Kinds of trees.
inline constexpr std::string_view kViewTree = "view";
inline constexpr std::string_view kRuleTree = "rule";
inline constexpr std::string_view kPolicyTree = "policy";

// Kinds of unnamed code: operators, functions that row.name calls, casts and checks of domains.
inline constexpr std::string_view kOperator = "operator";
inline constexpr std::string_view kRowFunction = "row";
inline constexpr std::string_view kConversion = "conversion";

// Who wants to know: Replication needs all queries, and all of one snapshot.
enum class FactsFor : std::uint8_t { Routing, Replication };

using CatalogRows = std::array<pg::Rows, kCatalogQueries>;

[[nodiscard]] std::string_view catalog_query(CatalogQuery query);

// The same for a transaction that has changed the schema: without the built-in functions that nobody has ever
// changed, and columns and keys only of relations that bear one of `names`; of all if there is none.
using RelationNames = std::set<std::string, std::less<>>;
[[nodiscard]] std::string changed_query(CatalogQuery query, const RelationNames& names);

}  // namespace pgpool::health
