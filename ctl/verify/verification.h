// SPDX-License-Identifier: PostgreSQL
#pragma once

// Compares all that nodes hold: the server's roles and databases, then each database's schema, tables,
// sequences and large objects.

#include <set>
#include <string>
#include <vector>

#include "common/config/config.h"
#include "ctl/options.h"
#include "ctl/outcome.h"
#include "ctl/verify/contents.h"
#include "ctl/verify/surroundings.h"

namespace pgpool::ctl::verify {

class Verification {
public:
    Verification(const config::Config& config, const Options& options);

    // A failure where nothing could be compared; when a node is lost in between, what was found so far.
    [[nodiscard]] Outcome<Report> run();

private:
    using TableName = std::pair<std::string, std::string>;

    [[nodiscard]] Outcome<void> read_table_names();
    [[nodiscard]] Outcome<void> find_nodes();
    [[nodiscard]] Outcome<void> find_databases(Fleet& fleet);
    [[nodiscard]] Answer<void> compare_all(Fleet& fleet);
    [[nodiscard]] Answer<void> compare_server(Fleet& fleet);
    [[nodiscard]] Answer<void> compare_database(const std::string& database);
    [[nodiscard]] Answer<void> compare_schema(const Surroundings& in);
    [[nodiscard]] Answer<void> compare_tables(const Surroundings& in);
    [[nodiscard]] Answer<void> compare_table(const Surroundings& in, const Table& table);
    [[nodiscard]] Answer<void> compare_rest(const Surroundings& in);
    [[nodiscard]] Answer<void> compare_large_objects(const Surroundings& in);

    [[nodiscard]] bool is_wanted(const Suspect& of_server);
    [[nodiscard]] bool is_wanted(const TableName& name) const;

    const config::Config& config_;
    const Options& options_;
    Progress progress_;
    Report report_;
    std::vector<config::Node> nodes_;  // that are up
    bool has_standby_ = false;
    bool may_read_passwords_ = true;
    bool may_read_large_objects_ = true;
    std::set<TableName> wanted_;   // of --tables
    std::set<TableName> seen_;     // tables of all databases, while there are wanted ones
    std::set<TableName> unalike_;  // of this database: their columns differ, or not all nodes have them
    std::set<std::string> missing_databases_;
};

}  // namespace pgpool::ctl::verify
