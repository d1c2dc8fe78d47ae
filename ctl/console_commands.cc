// SPDX-License-Identifier: PostgreSQL
// pgpool-ctl show, attach, detach: a command for the console and its answer.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>

#include "common/pg/sql_text.h"
#include "ctl/cluster/changes.h"
#include "ctl/commands.h"
#include "ctl/console.h"
#include "ctl/node_states.h"
#include "ctl/output.h"
#include "ctl/verify/verification.h"

namespace pgpool::ctl {

namespace {

void tell(const pg::Rows& rows, const std::string& command, const Options& options) {
    if (options.is_json) {
        const Json document{{"command", command}, {"rows", json_of(rows)}};
        std::fputs(render(document).c_str(), stdout);
    } else if (rows.columns() > 0) {
        std::fputs(render(table_of(rows)).c_str(), stdout);
    } else {
        std::printf("done: %s\n", command.c_str());
    }
}

Outcome<ExitCode> run_command(const config::Config& config, const Options& options,
                              const std::string& command) {
    auto console = Console::connect(config, options);
    if (!console) return tl::unexpected(console.error().failure);
    const auto rows = console->run(command);
    if (!rows) return tl::unexpected(rows.error());
    tell(*rows, command, options);
    return ExitCode::Ok;
}

config::Config narrowed(config::Config config, const std::vector<std::string>& names) {
    std::erase_if(config.nodes, [&](const config::Node& node) {
        return std::find(names.begin(), names.end(), node.name) == names.end();
    });
    return config;
}

// Who is in, and `newcomer`.
Outcome<std::vector<std::string>> to_be_compared(const config::Config& config, const Options& options,
                                                 const std::string& newcomer) {
    auto console = Console::connect(config, options);
    if (!console) return tl::unexpected(console.error().failure);
    const auto rows = console->run("SHOW POOL_NODES");
    if (!rows) return tl::unexpected(rows.error());
    std::vector<std::string> names;
    for (const NodeState& node : node_states(config, *rows)) {
        if (node.status == "up" && node.name != newcomer) names.push_back(node.name);
    }
    if (names.empty())
        return failed(ExitCode::Differs,
                      fmt::format("there is no node that is in to compare \"{}\" with", newcomer),
                      "pgpool-ctl nodes shows their states");
    names.push_back(newcomer);
    return names;
}

// Ok: nothing differs. What the proxy writes meanwhile it finds by itself: it compares the markers.
Outcome<ExitCode> compare_with_attached(const config::Config& config, const Options& options,
                                        const std::string& newcomer) {
    const auto names = to_be_compared(config, options, newcomer);
    if (!names) return tl::unexpected(names.error());
    const config::Config compared = narrowed(config, *names);
    const auto report = verify::Verification(compared, options).run();
    if (!report) return tl::unexpected(report.error());
    for (const Unreachable& one : report->unreachable) {
        if (one.node == newcomer || !report->is_complete)
            return failed(ExitCode::Unreachable, fmt::format("node {}: {}", one.node, one.reason),
                          fmt::format("\"{}\" was not attached", newcomer));
    }
    if (!options.is_json) std::fputs(to_text(*report).c_str(), stdout);
    if (report->is_equal()) return ExitCode::Ok;
    if (options.is_json) std::fputs(render(to_json(*report)).c_str(), stdout);
    std::fprintf(stderr, "pgpool-ctl: \"%s\" is not attached: it differs\n", newcomer.c_str());
    return ExitCode::Differs;
}

}  // namespace

Outcome<std::string> checked_name(const config::Config& config, const std::string& name) {
    std::vector<std::string> names;
    for (const config::Node& node : config.nodes) names.push_back(node.name);
    if (std::find(names.begin(), names.end(), name) != names.end()) return name;
    return failed(ExitCode::Usage, fmt::format("there is no node \"{}\"", name),
                  fmt::format("nodes of the configuration: {}", fmt::join(names, ", ")));
}

Outcome<ExitCode> run_show(const config::Config& config, const Options& options) {
    const std::string what = fmt::format("{}", fmt::join(options.words, " "));
    auto console = Console::connect(config, options);
    if (!console) return tl::unexpected(console.error().failure);
    const auto rows = console->show(what);
    if (!rows) {
        Failure failure = rows.error();
        if (failure.code == ExitCode::Differs) failure.hint = "pgpool-ctl show help lists what there is";
        return tl::unexpected(std::move(failure));
    }
    tell(*rows, "SHOW " + what, options);
    return ExitCode::Ok;
}

Outcome<ExitCode> run_attach(const config::Config& config, const Options& options) {
    const auto name = checked_name(config, options.node);
    if (!name) return tl::unexpected(name.error());
    if (is_watchdogs_to_attach(config)) return attach_by_watchdog(config, options);
    if (options.verifies) {
        const auto compared = compare_with_attached(config, options, *name);
        if (!compared || *compared != ExitCode::Ok) return compared;
    }
    const bool is_proven = options.verifies || options.is_forced;
    auto done = run_command(config, options, "PGPOOL ATTACH NODE " + *name + (is_proven ? " FORCE" : ""));
    const bool may_help = !is_proven && config.mode == config::ClusterMode::Replication;
    if (!done && may_help && done.error().code == ExitCode::Differs) {
        done.error().hint = fmt::format(
            "pgpool-ctl attach {0} --verify compares it first; "
            "pgpool-ctl attach {0} --force: you know that it holds the same data",
            *name);
    }
    return done;
}

Outcome<ExitCode> run_detach(const config::Config& config, const Options& options) {
    const auto name = checked_name(config, options.node);
    if (!name) return tl::unexpected(name.error());
    if (is_watchdogs_to_attach(config)) return detach_by_watchdog(config, options);
    std::string command = "PGPOOL DETACH NODE " + *name;
    if (!options.reason.empty()) command += " REASON " + pg::quote_literal(options.reason);
    return run_command(config, options, command);
}

}  // namespace pgpool::ctl
