// SPDX-License-Identifier: PostgreSQL
// pgpool-ctl: what an operator types.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "common/config/load.h"
#include "ctl/commands.h"
#include "ctl/options.h"
#include "ctl/output.h"

namespace {

using pgpool::ctl::Command;
using pgpool::ctl::ExitCode;
using pgpool::ctl::Failure;
using pgpool::ctl::Json;
using pgpool::ctl::Options;
using pgpool::ctl::Outcome;

Outcome<ExitCode> run(const pgpool::config::Config& config, const Options& options) {
    switch (options.command) {
        case Command::Nodes:
            return run_nodes(config, options);
        case Command::Show:
            return run_show(config, options);
        case Command::Attach:
            return run_attach(config, options);
        case Command::Detach:
            return run_detach(config, options);
        case Command::CheckNodes:
            return run_check_nodes(config, options);
        case Command::PrepareNodes:
            return run_prepare_nodes(config, options);
        case Command::Verify:
            return run_verify(config, options);
    }
    return ExitCode::Usage;
}

ExitCode tell(const Failure& failure, const Options& options) {
    std::fprintf(stderr, "pgpool-ctl: %s\n", failure.message.c_str());
    if (!failure.hint.empty()) std::fprintf(stderr, "%s\n", failure.hint.c_str());
    if (options.is_json) {
        const Json document{{"error", failure.message}, {"hint", failure.hint}};
        std::fputs(pgpool::ctl::render(document).c_str(), stdout);
    }
    return failure.code;
}

// libpq would make settings of these, and nodes that differ in them would look alike.
void forget_session_settings() {
    for (const char* name : {"PGTZ", "PGDATESTYLE", "PGGEQO", "PGOPTIONS", "PGCLIENTENCODING"})
        ::unsetenv(name);
}

ExitCode start(const Options& options) {
    forget_session_settings();
    const auto loaded = pgpool::config::load_file(options.config);
    std::string errors;
    for (const auto& error : loaded.errors) errors += (errors.empty() ? "" : "\n") + to_string(error);
    if (!loaded.config)
        return tell({ExitCode::Usage, errors, "another file: pgpool-ctl --config FILE"}, options);
    const Outcome<ExitCode> outcome = run(*loaded.config, options);
    return outcome ? *outcome : tell(outcome.error(), options);
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app{"pgpool-ctl: looks after the nodes and the proxy of the PostgreSQL HA appliance",
                 "pgpool-ctl"};
    pgpool::ctl::declare_options(app, options);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::Usage);
    }
    if (app.get_subcommands().empty()) {
        std::fputs("pgpool-ctl: no command given; pgpool-ctl --help lists them\n", stderr);
        return static_cast<int>(ExitCode::Usage);
    }
    try {
        return static_cast<int>(start(options));
    } catch (const std::exception& error) {
        return static_cast<int>(tell({ExitCode::Usage, error.what(), ""}, options));
    }
}
