// SPDX-License-Identifier: PostgreSQL
#pragma once

// From the rows of the catalog queries to what sql::CatalogFacts holds of writes. Pure.
//
// A partitioned table is judged with all its partitions, a row that is deleted or whose key changes with the
// rows that foreign keys delete or change after it.

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>

#include "proxy/health/catalog_queries.h"
#include "proxy/sql/catalog_facts.h"

namespace pgpool::health {

// By Oid of the relation.
using WriteFactsByOid = std::unordered_map<std::uint32_t, std::shared_ptr<const sql::WriteFacts>>;

// `functions`: what is known of each row of CatalogQuery::Functions.
[[nodiscard]] WriteFactsByOid build_write_facts(const CatalogRows& rows,
                                                std::span<const sql::FunctionFacts> functions);

// What concerns all of the database: everything of `facts` from writes_known on.
void add_database_facts(const CatalogRows& rows, std::span<const sql::FunctionFacts> functions,
                        sql::CatalogFacts& facts);

// What is true of both of two relations that bear one name.
[[nodiscard]] std::shared_ptr<const sql::WriteFacts> worse(const std::shared_ptr<const sql::WriteFacts>& a,
                                                           const std::shared_ptr<const sql::WriteFacts>& b);

}  // namespace pgpool::health
