// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/catalog_reading.h"

#include <algorithm>
#include <utility>

#include "proxy/health/catalog_queries.h"
#include "proxy/health/catalog_rows.h"

namespace pgpool::session {

namespace {

std::vector<std::string> queries(const exec::RelationNames& names) {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < health::kCatalogQueries; ++i)
        texts.push_back(health::changed_query(static_cast<health::CatalogQuery>(i), names));
    return texts;
}

std::shared_ptr<sql::CatalogFacts> understand(std::vector<exec::CatalogAnswer> answers,
                                              const sql::CatalogFacts& committed,
                                              const exec::RelationNames& names) {
    health::CatalogRows rows;
    for (std::size_t i = 0; i < std::min(answers.size(), rows.size()); ++i)
        rows[i] = pg::Rows(answers[i].columns, std::move(answers[i].cells));
    return health::build_changed_facts(std::move(rows), committed, names);
}

}  // namespace

exec::CatalogReading catalog_reading() {
    return {.queries = queries, .understand = understand};
}

}  // namespace pgpool::session
