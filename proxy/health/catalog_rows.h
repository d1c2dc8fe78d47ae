// SPDX-License-Identifier: PostgreSQL
#pragma once

// From the rows of the catalog queries to sql::CatalogFacts. Pure; linear in their size.
//
// What leaves no session state behind is a fix point over one graph of functions and relations: a function
// depends on those it calls and on the relations it names, reading a relation on its view query and policies,
// writing it also on its triggers, rules, defaults, constraints, partitions and cascading foreign keys.
// Bad to begin with are: bodies with forbidden words, calls of unknown names, functions in C or an untrusted
// or unreadable language outside of pg_catalog unless IMMUTABLE, and the built-in functions that are known to
// leave something behind. Operators, casts and checks of domains count for every body when they are not
// written in C; functions that row.name calls count where a body has their name.
//
// The same graph tells what declarations hide. STABLE and IMMUTABLE functions write through the VOLATILE ones
// that they call: may write does what reaches a VOLATILE function that is not known to write nothing, a body
// with EXECUTE, or a STABLE function in a language that is not read. For mode replication an IMMUTABLE one
// counts as STABLE that reaches a table, the clock or a function that is not IMMUTABLE. Trusted by their
// declaration are functions in C (so PostgreSQL's own and those of most extensions), and IMMUTABLE ones in
// languages that are not read.

#include <cstdint>
#include <memory>

#include "proxy/health/catalog_queries.h"
#include "proxy/sql/catalog_facts.h"

namespace pgpool::health {

[[nodiscard]] sql::CatalogFacts build_facts(const CatalogRows& rows, std::uint64_t version,
                                            FactsFor purpose = FactsFor::Routing);

// Of the rows of all functions, those that changed_query() leaves out.
[[nodiscard]] std::shared_ptr<const pg::Rows> builtin_functions(const pg::Rows& functions);

// By the rows of changed_query(), for replication; null: `committed` were not loaded for that. Of relations
// that bear none of `names` it is not known how they can be written.
[[nodiscard]] std::shared_ptr<sql::CatalogFacts> build_changed_facts(CatalogRows rows,
                                                                     const sql::CatalogFacts& committed,
                                                                     const RelationNames& names);

}  // namespace pgpool::health
