// SPDX-License-Identifier: PostgreSQL
// pgpool-ctl: what an operator types.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string_view>

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
        case Command::Status:
            return run_status(config, options);
        case Command::Why:
            return run_why(config, options);
        case Command::Log:
            return run_log(config, options);
        case Command::Switchover:
            return run_switchover(config, options);
        case Command::Promote:
            return run_promote(config, options);
        case Command::Maintenance:
            return run_maintenance(config, options);
        case Command::Pause:
            return run_pause(config, options);
        case Command::Resume:
            return run_resume(config, options);
        case Command::Vip:
            return run_vip(config, options);
        case Command::Lease:
            return run_lease(config, options);
        case Command::Reload:
            return run_reload(config, options);
        case Command::Setup:
            return run_setup(config, options);
        case Command::Doctor:
            return run_doctor(config, options);
        case Command::Fsm:
        case Command::Help:
            break;  // need no configuration
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

ExitCode help(const CLI::App& app, const Options& options) {
    const auto text = pgpool::ctl::help_text(app, options);
    if (!text) return tell(text.error(), options);
    std::fputs(text->c_str(), stdout);
    return ExitCode::Ok;
}

// What helps against errors of the configuration file.
std::string hint_for(const std::string& config) {
    if (::access(config.c_str(), R_OK) == 0) return "mend it, or another file: pgpool-ctl --config FILE";
    if (errno == EACCES) return "as root, or as who may read it: sudo -u pgpool pgpool-ctl ...";
    return "another file: pgpool-ctl --config FILE";
}

ExitCode start(const Options& options) {
    forget_session_settings();
    const auto loaded = pgpool::config::load_file(options.config);
    std::string errors;
    for (const auto& error : loaded.errors) errors += (errors.empty() ? "" : "\n") + to_string(error);
    if (!loaded.config) return tell({ExitCode::Usage, errors, hint_for(options.config)}, options);
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
        if (error.get_exit_code() == 0) return app.exit(error);
        // It may not have come so far.
        options.is_json = std::find(argv, argv + argc, std::string_view("--json")) != argv + argc;
        return static_cast<int>(tell(pgpool::ctl::refusal_of(app, error), options));
    }
    if (app.get_subcommands().empty()) {
        return static_cast<int>(
            tell({ExitCode::Usage, "no command given", "pgpool-ctl help lists the commands"}, options));
    }
    try {
        if (options.command == Command::Help) return static_cast<int>(help(app, options));
        if (options.command == Command::Fsm) return static_cast<int>(*run_fsm(options));
        return static_cast<int>(start(options));
    } catch (const std::exception& error) {
        return static_cast<int>(tell({ExitCode::Usage, error.what(), ""}, options));
    }
}
