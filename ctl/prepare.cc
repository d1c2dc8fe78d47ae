// SPDX-License-Identifier: PostgreSQL
// pgpool-ctl check-nodes, prepare-nodes
#include <fmt/core.h>

#include <algorithm>
#include <cstdio>

#include "common/markers/setup.h"
#include "common/nodecheck/durability.h"
#include "ctl/commands.h"
#include "ctl/output.h"
#include "ctl/survey.h"

namespace pgpool::ctl {

namespace {

constexpr seconds kSetupTime{60};

struct Prepared {
    std::string node;
    std::string database;
    std::string error;  // empty: done
};

Json json_of(const std::vector<nodecheck::Difference>& differences) {
    Json list = Json::array();
    for (const nodecheck::Difference& difference : differences) {
        Json values = Json::array();
        for (const nodecheck::NodeValue& one : difference.values)
            values.push_back({{"node", one.node}, {"value", one.value ? Json(*one.value) : Json()}});
        list.push_back({{"database", difference.database.empty() ? Json() : Json(difference.database)},
                        {"setting", difference.setting},
                        {"values", values}});
    }
    return list;
}

Json json_of(const std::vector<Unreachable>& unreachable) {
    Json list = Json::array();
    for (const Unreachable& one : unreachable) list.push_back({{"node", one.node}, {"reason", one.reason}});
    return list;
}

Json json_of(const Survey& found) {
    Json nodes = Json::array();
    for (const nodecheck::NodeFacts& facts : found.facts) nodes.push_back(facts.node);
    return {{"nodes", nodes},
            {"unreachable", json_of(found.unreachable)},
            {"differences", json_of(found.differences)},
            {"unable", found.unable}};
}

void tell_unreachable(const Survey& found) {
    for (const Unreachable& one : found.unreachable)
        std::fprintf(stderr, "pgpool-ctl: node %s cannot be asked: %s\n", one.node.c_str(),
                     one.reason.c_str());
}

void tell_warnings(const Survey& found) {
    for (const nodecheck::NodeFacts& facts : found.facts) {
        for (const std::string& warning : nodecheck::durability_warnings(facts))
            std::fprintf(stderr, "pgpool-ctl: %s\n", warning.c_str());
    }
    if (!found.is_usable) return;  // then it is no mere warning
    for (const std::string& reason : found.unable)
        std::fprintf(stderr, "pgpool-ctl: a large transaction may take out nodes: %s\n", reason.c_str());
}

void tell_differences(const Survey& found) {
    for (const nodecheck::Difference& difference : found.differences)
        std::printf("differs: %s\n", describe(difference).c_str());
    if (found.is_usable) return;
    for (const std::string& reason : found.unable) std::printf("unable: %s\n", reason.c_str());
}

ExitCode verdict_of(const Survey& found) {
    if (!found.differences.empty() || !found.is_usable) return ExitCode::Differs;
    return found.unreachable.empty() ? ExitCode::Ok : ExitCode::Unreachable;
}

Prepared prepare(const config::Config& config, const config::Node& node, const std::string& database) {
    auto client = connect_node(config, node, database);
    if (!client) return {node.name, database, client.error().message};
    const TimePoint deadline = SteadyClock::now() + kSetupTime;
    // Nodes of mode replication are read only to all but the proxies.
    auto done = client->run("SET default_transaction_read_only = off", deadline);
    if (done) done = client->run(markers::setup_sql(config.replication.slots), deadline);
    return {node.name, database, done ? "" : done.error().message};
}

std::vector<Prepared> prepare_all(const config::Config& config, const Survey& found,
                                  const std::vector<std::string>& databases) {
    std::vector<Prepared> done;
    for (const std::string& database : databases) {
        const auto answers = at_the_same_time(found.facts, [&](const nodecheck::NodeFacts& facts) {
            const auto is_it = [&](const config::Node& node) { return node.name == facts.node; };
            return prepare(config, *std::find_if(config.nodes.begin(), config.nodes.end(), is_it), database);
        });
        done.insert(done.end(), answers.begin(), answers.end());
    }
    return done;
}

Outcome<std::vector<std::string>> databases_of(const Survey& found, const Options& options) {
    std::vector<std::string> all;
    if (!found.facts.empty()) {
        for (const auto& [database, facts] : found.facts.front().databases) all.push_back(database);
    }
    if (options.databases.empty() || found.facts.empty()) return all;
    for (const std::string& wanted : options.databases) {
        if (std::find(all.begin(), all.end(), wanted) == all.end())
            return failed(ExitCode::Usage,
                          fmt::format("there is no database \"{}\" that takes connections", wanted));
    }
    return options.databases;
}

void tell(const std::vector<Prepared>& done) {
    Table table{{{"node"}, {"database"}, {"result"}}, {}};
    for (const Prepared& one : done)
        table.rows.push_back({one.node, one.database, one.error.empty() ? "prepared" : one.error});
    std::fputs(render(table).c_str(), stdout);
}

Json json_of(const std::vector<Prepared>& done) {
    Json list = Json::array();
    for (const Prepared& one : done) {
        list.push_back({{"node", one.node},
                        {"database", one.database},
                        {"done", one.error.empty()},
                        {"error", one.error.empty() ? Json() : Json(one.error)}});
    }
    return list;
}

ExitCode tell_refusal(const Survey& found, const Options& options) {
    if (options.is_json) {
        Json document = json_of(found);
        document["prepared"] = Json::array();
        std::fputs(render(document).c_str(), stdout);
    } else {
        tell_differences(found);
    }
    std::fputs("pgpool-ctl: nothing was prepared: set the nodes right first, then run it again\n", stderr);
    return ExitCode::Differs;
}

Outcome<ExitCode> print_sql(const config::Config& config, const Options& options) {
    const std::string sql = markers::setup_sql(config.replication.slots);
    std::fputs((options.is_json ? render(Json{{"sql", sql}}) : sql).c_str(), stdout);
    return ExitCode::Ok;
}

}  // namespace

Outcome<ExitCode> run_check_nodes(const config::Config& config, const Options& options) {
    const Survey found = survey(config);
    tell_unreachable(found);
    tell_warnings(found);
    if (options.is_json) {
        std::fputs(render(json_of(found)).c_str(), stdout);
    } else {
        tell_differences(found);
        if (verdict_of(found) != ExitCode::Differs && found.facts.size() > 1)
            std::printf("%zu nodes do not differ\n", found.facts.size());
    }
    return verdict_of(found);
}

Outcome<ExitCode> run_prepare_nodes(const config::Config& config, const Options& options) {
    if (options.print_only) return print_sql(config, options);
    if (config.mode != config::ClusterMode::Replication) {
        return failed(ExitCode::Usage, "only nodes of mode replication are prepared, and mode is another",
                      "set mode: replication in the configuration first");
    }
    const Survey found = survey(config);
    tell_unreachable(found);
    tell_warnings(found);
    if (verdict_of(found) == ExitCode::Differs) return tell_refusal(found, options);
    const auto databases = databases_of(found, options);
    if (!databases) return tl::unexpected(databases.error());
    const std::vector<Prepared> done = prepare_all(config, found, *databases);
    if (options.is_json) {
        Json document = json_of(found);
        document["prepared"] = json_of(done);
        std::fputs(render(document).c_str(), stdout);
    } else if (!done.empty()) {
        tell(done);
    }
    const bool is_done =
        std::all_of(done.begin(), done.end(), [](const Prepared& one) { return one.error.empty(); });
    if (!is_done) return ExitCode::Differs;
    return found.unreachable.empty() ? ExitCode::Ok : ExitCode::Unreachable;
}

}  // namespace pgpool::ctl
