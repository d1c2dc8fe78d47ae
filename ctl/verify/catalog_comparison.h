// SPDX-License-Identifier: PostgreSQL
#pragma once

// Compares what the queries of schema_sql.h tell of the catalogs.

#include <string>
#include <vector>

#include "ctl/verify/fleet.h"
#include "ctl/verify/report.h"
#include "ctl/verify/settle.h"

namespace pgpool::ctl::verify {

// A suspect whose key is kind, relation, identity.
struct CatalogObject {
    const Suspect& suspect;

    [[nodiscard]] const std::string& kind() const { return suspect.key[0]; }
    [[nodiscard]] const std::string& relation() const { return suspect.key[1]; }
    [[nodiscard]] const std::string& identity() const { return suspect.key[2]; }
    [[nodiscard]] bool is_missing_somewhere() const;
};

[[nodiscard]] Answer<std::vector<Suspect>> compare_catalog(Fleet& fleet, const std::string& query,
                                                           std::uint32_t tries);

// As differences to the first node.
void add_objects(Report& report, const std::string& database, const std::vector<Suspect>& objects);

}  // namespace pgpool::ctl::verify
