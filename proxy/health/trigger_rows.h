// SPDX-License-Identifier: PostgreSQL
#pragma once

// From the rows of the catalog queries to what the triggers of tables do. Pure.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/health/catalog_queries.h"
#include "proxy/sql/catalog_facts.h"

namespace pgpool::health {

struct Trigger {
    std::uint32_t relation = 0;
    bool on_insert = false;
    bool on_update = false;
    bool on_delete = false;
    bool on_truncate = false;
    std::string name;
    bool may_write = false;
    bool is_before = false;  // each row: it may change it or leave it out
    bool looks = false;      // each node may decide otherwise
    bool is_always = false;  // it fires also under session_replication_role = replica
    bool assigns_any = false;
    std::vector<std::string> assigned;

    [[nodiscard]] bool assigns(std::string_view column) const;
    [[nodiscard]] std::string in_words(std::string_view table) const;
    // REQUIRES: it does not write.
    [[nodiscard]] sql::TriggerFacts facts(std::string_view table) const;
};

// `judge`: stored expressions. `functions`: what is known of each row of CatalogQuery::Functions.
[[nodiscard]] std::vector<Trigger> read_triggers(const CatalogRows& rows,
                                                 std::span<const sql::FunctionFacts> functions,
                                                 const std::function<sql::Default(std::string_view)>& judge);

}  // namespace pgpool::health
