// SPDX-License-Identifier: PostgreSQL
// pgpool-ctl show, attach, detach: a command for the console and its answer.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>

#include "ctl/commands.h"
#include "ctl/console.h"
#include "ctl/output.h"
#include "ctl/sql_text.h"

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

// A name that the file does not have is a slip of the keyboard; the running proxy is not asked.
Outcome<std::string> checked_name(const config::Config& config, const std::string& name) {
    std::vector<std::string> names;
    for (const config::Node& node : config.nodes) names.push_back(node.name);
    if (std::find(names.begin(), names.end(), name) != names.end()) return name;
    return failed(ExitCode::Usage, fmt::format("there is no node \"{}\"", name),
                  fmt::format("nodes of the configuration: {}", fmt::join(names, ", ")));
}

}  // namespace

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
    return run_command(config, options, "PGPOOL ATTACH NODE " + *name);
}

Outcome<ExitCode> run_detach(const config::Config& config, const Options& options) {
    const auto name = checked_name(config, options.node);
    if (!name) return tl::unexpected(name.error());
    std::string command = "PGPOOL DETACH NODE " + *name;
    if (!options.reason.empty()) command += " REASON " + quote_literal(options.reason);
    return run_command(config, options, command);
}

}  // namespace pgpool::ctl
