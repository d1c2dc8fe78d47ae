// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/catalog_reading.h"

#include <algorithm>
#include <utility>

#include "proxy/health/catalog_queries.h"
#include "proxy/health/catalog_rows.h"

namespace pgpool::session {

namespace {

std::shared_ptr<sql::CatalogFacts> understand(std::vector<exec::CatalogAnswer> answers,
                                              const sql::CatalogFacts& committed) {
    health::CatalogRows rows;
    for (std::size_t i = 0; i < std::min(answers.size(), rows.size()); ++i)
        rows[i] = pg::Rows(answers[i].columns, std::move(answers[i].cells));
    return health::build_changed_facts(std::move(rows), committed);
}

}  // namespace

exec::CatalogReading catalog_reading() {
    exec::CatalogReading reading;
    for (std::size_t i = 0; i < health::kCatalogQueries; ++i)
        reading.queries.push_back(health::changed_query(static_cast<health::CatalogQuery>(i)));
    reading.understand = understand;
    return reading;
}

}  // namespace pgpool::session
