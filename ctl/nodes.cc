// SPDX-License-Identifier: PostgreSQL
// pgpool-ctl nodes
#include <fmt/core.h>

#include <cstdio>

#include "ctl/commands.h"
#include "ctl/console.h"
#include "ctl/node_access.h"
#include "ctl/node_states.h"
#include "ctl/output.h"

namespace pgpool::ctl {

namespace {

struct Probe {
    bool is_up = false;
    std::string version;
    bool in_recovery = false;
    std::string reason;  // when not up
};

Probe probe(const config::Config& config, const config::Node& node) {
    auto client = connect_node(config, node, config.health.database);
    if (!client) return {false, "", false, client.error().message};
    auto rows = client->query("SELECT current_setting('server_version'), pg_is_in_recovery()", {},
                              SteadyClock::now() + config.health.timeout + seconds(5));
    if (!rows) return {false, "", false, rows.error().message};
    return {true, std::string(rows->text(0, 0)), rows->is_true(0, 1), ""};
}

void tell_probes(const config::Config& config, const std::vector<Probe>& probes) {
    Table table{
        {{"name"}, {"hostname"}, {"port", true}, {"status"}, {"version"}, {"in_recovery"}, {"reason"}}, {}};
    for (std::size_t i = 0; i < probes.size(); ++i) {
        const config::Node& node = config.nodes[i];
        const Probe& found = probes[i];
        using Cell = std::optional<std::string>;
        table.rows.push_back({node.name, node.host, std::to_string(node.port), found.is_up ? "up" : "down",
                              found.is_up ? Cell(found.version) : Cell(),
                              found.is_up ? Cell(found.in_recovery ? "yes" : "no") : Cell(),
                              found.is_up ? Cell() : Cell(found.reason)});
    }
    std::fputs(render(table).c_str(), stdout);
}

void tell_probes_as_json(const config::Config& config, const std::vector<Probe>& probes, const Failure& why) {
    Json nodes = Json::array();
    for (std::size_t i = 0; i < probes.size(); ++i) {
        const config::Node& node = config.nodes[i];
        const Probe& found = probes[i];
        nodes.push_back({{"name", node.name},
                         {"hostname", node.host},
                         {"port", node.port},
                         {"status", found.is_up ? "up" : "down"},
                         {"version", found.is_up ? Json(found.version) : Json()},
                         {"in_recovery", found.is_up ? Json(found.in_recovery) : Json()},
                         {"reason", found.is_up ? Json() : Json(found.reason)}});
    }
    const Json document{{"source", "nodes"}, {"error", why.message}, {"nodes", nodes}};
    std::fputs(render(document).c_str(), stdout);
}

ExitCode ask_nodes(const config::Config& config, const Options& options, const Failure& why) {
    std::fprintf(stderr, "pgpool-ctl: %s\n%s\nasking the nodes themselves:\n", why.message.c_str(),
                 why.hint.c_str());
    const std::vector<Probe> probes =
        at_the_same_time(config.nodes, [&](const config::Node& node) { return probe(config, node); });
    if (options.is_json) {
        tell_probes_as_json(config, probes, why);
    } else {
        tell_probes(config, probes);
    }
    return why.code;
}

}  // namespace

Outcome<ExitCode> run_nodes(const config::Config& config, const Options& options) {
    auto console = Console::connect(config, options);
    if (!console) {
        if (!console.error().does_not_run) return tl::unexpected(console.error().failure);
        return ask_nodes(config, options, console.error().failure);
    }
    const auto rows = console->run("SHOW POOL_NODES");
    if (!rows) return tl::unexpected(rows.error());
    if (options.is_json) {
        const pg::Rows named = with_names(config, *rows);
        const Json document{{"source", "proxy"}, {"error", nullptr}, {"nodes", json_of(named)}};
        std::fputs(render(document).c_str(), stdout);
    } else {
        const std::vector<NodeState> states = node_states(config, *rows);
        std::fputs((render(table_of(states)) + notes_on(states)).c_str(), stdout);
    }
    return ExitCode::Ok;
}

}  // namespace pgpool::ctl
