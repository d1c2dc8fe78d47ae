// SPDX-License-Identifier: PostgreSQL
#include "ctl/verify/verification.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "common/pg/sql_text.h"
#include "ctl/verify/catalog_comparison.h"
#include "ctl/verify/schema_sql.h"
#include "ctl/verify/sequence_comparison.h"
#include "ctl/verify/table_comparison.h"

namespace pgpool::ctl::verify {

namespace {

struct Up {
    bool in_recovery = false;
    bool may_read_passwords = false;
    bool may_read_large_objects = false;
};

pg::ClientResult<Up> look_at(const config::Config& config, const config::Node& node) {
    auto client = connect_node(config, node, config.health.database);
    if (!client) return tl::unexpected(client.error());
    const TimePoint deadline = SteadyClock::now() + seconds(30);
    const auto recovery = client->query("SELECT pg_is_in_recovery()", {}, deadline);
    if (!recovery) return tl::unexpected(recovery.error());
    const auto privileges = client->query(privileges_query(), {}, deadline);
    if (!privileges) return tl::unexpected(privileges.error());
    return Up{recovery->is_true(0, 0), privileges->is_true(0, 0), privileges->is_true(0, 1)};
}

}  // namespace

Verification::Verification(const config::Config& config, const Options& options)
    : config_(config),
      options_(options),
      progress_(options.hide_progress ? Progress::Show::Nothing : Progress::Show::Bar) {}

Outcome<Report> Verification::run() {
    if (auto read = read_table_names(); !read) return tl::unexpected(read.error());
    if (auto found = find_nodes(); !found) return tl::unexpected(found.error());
    auto fleet = Fleet::connect(config_, nodes_, config_.health.database);
    if (!fleet) return tl::unexpected(fleet.error().failure(config_));
    if (auto found = find_databases(*fleet); !found) return tl::unexpected(found.error());
    const auto done = compare_all(*fleet);
    progress_.clear();
    if (!done) {
        const Failure failure = done.error().failure(config_);
        report_.unreachable.push_back({done.error().node, done.error().error.message});
        if (!failure.hint.empty()) report_.notes.push_back(failure.hint);
        report_.is_complete = false;
        return std::move(report_);
    }
    for (const TableName& name : wanted_) {
        if (!seen_.contains(name)) {
            return failed(ExitCode::Usage, fmt::format("no node has a table {}.{}", name.first, name.second),
                          "names are those of the catalogs; quote them as in SQL");
        }
    }
    return std::move(report_);
}

Answer<void> Verification::compare_all(Fleet& fleet) {
    if (auto done = compare_server(fleet); !done) return done;
    for (const std::string& database : report_.databases) {
        if (missing_databases_.contains(database)) continue;
        if (auto done = compare_database(database); !done) return done;
    }
    return {};
}

Outcome<void> Verification::read_table_names() {
    for (const std::string& text : options_.tables) {
        const auto name = parse_table_name(text);
        if (!name)
            return failed(ExitCode::Usage, fmt::format("\"{}\" is not the name of a table", text),
                          "write schema.table, e.g. --tables public.orders");
        wanted_.insert(*name);
    }
    return {};
}

Outcome<void> Verification::find_nodes() {
    const auto answers =
        at_the_same_time(config_.nodes, [&](const config::Node& node) { return look_at(config_, node); });
    for (std::size_t i = 0; i < answers.size(); ++i) {
        const config::Node& node = config_.nodes[i];
        if (!answers[i]) {
            report_.unreachable.push_back({node.name, answers[i].error().message});
            continue;
        }
        nodes_.push_back(node);
        report_.nodes.push_back(node.name);
        has_standby_ = has_standby_ || answers[i]->in_recovery;
        may_read_passwords_ = may_read_passwords_ && answers[i]->may_read_passwords;
        may_read_large_objects_ = may_read_large_objects_ && answers[i]->may_read_large_objects;
    }
    if (nodes_.size() > 1) return {};
    std::vector<std::string> reasons;
    for (const Unreachable& one : report_.unreachable) reasons.push_back(one.node + ": " + one.reason);
    if (reasons.empty()) return failed(ExitCode::Usage, "there is one node only: nothing to compare it with");
    return failed(ExitCode::Unreachable,
                  fmt::format("fewer than two nodes answer: {}", fmt::join(reasons, "; ")),
                  "pgpool-ctl nodes shows their states");
}

Outcome<void> Verification::find_databases(Fleet& fleet) {
    const auto rows =
        fleet.ask_one(0, {"SELECT datname FROM pg_database WHERE datallowconn AND datconnlimit <> -2"
                          " AND datname <> 'template0' ORDER BY datname",
                          {}});
    if (!rows) return tl::unexpected(rows.error().failure(config_));
    std::vector<std::string> all;
    for (std::size_t row = 0; row < rows->size(); ++row) all.emplace_back(rows->text(row, 0));
    report_.databases = options_.databases.empty() ? all : options_.databases;
    for (const std::string& wanted : report_.databases) {
        if (std::find(all.begin(), all.end(), wanted) == all.end()) {
            return failed(
                ExitCode::Usage,
                fmt::format("node {} has no database \"{}\" that takes connections", nodes_[0].name, wanted),
                fmt::format("it has: {}", fmt::join(all, ", ")));
        }
    }
    return {};
}

bool Verification::is_wanted(const Suspect& of_server) {
    const CatalogObject object{of_server};
    if (object.kind() != "database") return wanted_.empty();
    const auto is_it = [&](const std::string& name) {
        return name == object.identity() || pg::quote_identifier(name) == object.identity();
    };
    const auto at = std::find_if(report_.databases.begin(), report_.databases.end(), is_it);
    if (at == report_.databases.end()) return options_.databases.empty();
    if (object.is_missing_somewhere()) missing_databases_.insert(*at);
    return true;
}

Answer<void> Verification::compare_server(Fleet& fleet) {
    std::string query(server_query());
    if (may_read_passwords_) query += " UNION ALL " + std::string(verifiers_query());
    auto suspects = compare_catalog(fleet, query, options_.tries);
    if (!suspects) return tl::unexpected(std::move(suspects.error()));
    std::erase_if(*suspects, [&](const Suspect& object) { return !is_wanted(object); });
    add_objects(report_, "", *suspects);
    if (!may_read_passwords_ && wanted_.empty()) {
        report_.notes.push_back(
            fmt::format("passwords are not compared: {} may not read pg_authid", config_.health.user));
    }
    return {};
}

Answer<void> Verification::compare_database(const std::string& database) {
    auto fleet = Fleet::connect(config_, nodes_, database);
    if (!fleet) return tl::unexpected(std::move(fleet.error()));
    const Surroundings in{*fleet, options_, database, report_, progress_};
    if (auto done = compare_schema(in); !done) return done;
    if (auto done = compare_tables(in); !done || !wanted_.empty()) return done;
    return compare_rest(in);
}

bool Verification::is_wanted(const TableName& name) const {
    return wanted_.empty() || wanted_.contains(name);
}

Answer<void> Verification::compare_schema(const Surroundings& in) {
    progress_.begin(in.database, 0);
    progress_.at("schema");
    auto suspects = compare_catalog(in.fleet, schema_query(), options_.tries);
    if (!suspects) return tl::unexpected(std::move(suspects.error()));
    unalike_.clear();
    std::vector<Suspect> objects;
    for (const Suspect& suspect : *suspects) {
        const CatalogObject object{suspect};
        const auto table = parse_table_name(object.relation());
        if (!wanted_.empty() && (!table || !is_wanted(*table))) continue;
        objects.push_back(suspect);
        const bool is_relation = object.relation() == object.identity();
        if (table && (object.kind() == "column" || (is_relation && object.is_missing_somewhere())))
            unalike_.insert(*table);
    }
    add_objects(report_, in.database, objects);
    return {};
}

Answer<void> Verification::compare_tables(const Surroundings& in) {
    const auto rows = in.fleet.ask({tables_query(has_standby_ ? Unlogged::LeftOut : Unlogged::Included), {}});
    if (!rows) return tl::unexpected(rows.error());
    for (const pg::Rows& of_node : *rows) {
        for (const Table& table : tables_of(of_node)) seen_.emplace(table.schema, table.name);
    }
    std::vector<Table> tables = tables_of(rows->front());
    std::erase_if(tables, [&](const Table& table) { return !is_wanted({table.schema, table.name}); });
    std::uint64_t estimate = 0;
    for (const Table& table : tables) estimate += table.estimated_rows;
    progress_.begin(in.database, estimate);
    for (const Table& table : tables) {
        if (auto done = compare_table(in, table); !done) return done;
    }
    return {};
}

Answer<void> Verification::compare_table(const Surroundings& in, const Table& table) {
    if (!unalike_.contains({table.schema, table.name})) return TableComparison(in, table).run();
    in.note(fmt::format("{}: rows are not compared: its columns differ, or not all nodes have it",
                        table.label()));
    return {};
}

Answer<void> Verification::compare_rest(const Surroundings& in) {
    if (has_standby_) {
        in.note("sequences are not compared: those of a standby run ahead");
    } else if (auto done = compare_sequences(in); !done) {
        return done;
    }
    return compare_large_objects(in);
}

Answer<void> Verification::compare_large_objects(const Surroundings& in) {
    const Table table = large_objects();
    if (may_read_large_objects_) return TableComparison(in, table).run();
    in.note(
        fmt::format("large objects are not compared: {} may not read pg_largeobject", config_.health.user));
    return {};
}

}  // namespace pgpool::ctl::verify
