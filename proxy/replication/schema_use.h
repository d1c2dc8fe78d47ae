// SPDX-License-Identifier: PostgreSQL
#pragma once

// Whether a statement that several nodes have executed one after the other has met the same on all, though
// the schema was changed in between (docs/adr/0021-order-of-ddl.md). The relations that it uses main has
// locked; what is not locked by use are functions, types, and which relation a name means. Pure.

#include "proxy/sql/catalog_facts.h"
#include "proxy/sql/statement.h"

namespace pgpool::replication {

// All its relations are the same ones by the facts of before and of after, by names that only they bear. Types
// that are named, and sequences without their schema, are not.
[[nodiscard]] bool names_the_same(const sql::StatementInfo& info, const sql::CatalogFacts& before,
                                  const sql::CatalogFacts& after);

// No code and no type of users takes part, in the text or behind its relations. REQUIRES: facts that were
// loaded for replication.
[[nodiscard]] bool uses_builtins_only(const sql::StatementInfo& info, const sql::CatalogFacts& facts);

}  // namespace pgpool::replication
