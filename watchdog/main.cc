// SPDX-License-Identifier: PostgreSQL
// pgpool-watchdog: reads its arguments, its configuration and what it knew before, then serves.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <utility>

#include "common/config/hook_programs.h"
#include "common/config/load.h"
#include "common/files/program.h"
#include "common/ipc/member_bus.h"
#include "common/obs/log.h"
#include "watchdog/server/server.h"
#include "watchdog/store/record_file.h"

namespace {

using pgpool::Error;
using pgpool::Result;
using pgpool::watchdog::Server;

constexpr int kExitConfig = 2;   // the service manager does not try again
constexpr int kExitFailure = 1;  // a later start may do

struct Options {
    std::string config = "/etc/pgpool/appliance.yaml";
    bool check = false;
    bool is_witness = false;
};

int tell(const Error& error, int status) {
    std::fprintf(stderr, "pgpool-watchdog: %s\n", error.message.c_str());
    if (!error.hint.empty()) std::fprintf(stderr, "%s\n", error.hint.c_str());
    return status;
}

// What this member knew when it stopped.
Result<void> recall(Server::Start& start) {
    const auto path = pgpool::watchdog::record_file(start.config->watchdog);
    auto record = pgpool::store::load_record(path);
    if (!record) return tl::unexpected(record.error());
    auto state = pgpool::decider::Decider::state_of(
        *record, {.nodes = start.config->nodes, .login = {}, .conninfos = {}},
        std::chrono::system_clock::now());
    if (!state) return tl::unexpected(pgpool::store::unreadable(path, state.error().message));
    start.record = std::move(*record);
    start.state = std::move(*state);
    return {};
}

Result<void> make_folders(const pgpool::config::Watchdog& watchdog) {
    for (const std::string& folder : {watchdog.runtime_directory, watchdog.state_directory}) {
        std::error_code error;
        std::filesystem::create_directories(folder, error);
        if (error)
            return tl::unexpected(Error{folder + ": " + error.message(), pgpool::sqlstate::kSystemError, ""});
    }
    return {};
}

// A start goes on without: it may be installed before it is needed.
Result<void> check_hooks(const pgpool::config::Hooks& hooks) {
    for (const auto& hook : pgpool::config::hook_programs(hooks)) {
        if (const std::string why = pgpool::why_not_startable(hook.program); !why.empty())
            return tl::unexpected(Error{hook.parameter + ": " + hook.program + ": " + why,
                                        pgpool::sqlstate::kConfigFileError, ""});
    }
    return {};
}

int serve(const Options& options) {
    auto loaded = pgpool::config::load_file(options.config);
    for (const auto& error : loaded.errors)
        std::fprintf(stderr, "%s\n", pgpool::config::to_string(error).c_str());
    if (!loaded.config) return kExitConfig;
    Server::Start start;
    start.config = std::make_shared<const pgpool::config::Config>(std::move(*loaded.config));
    start.config_file = options.config;
    if (!start.config->watchdog.enabled) {
        return tell({options.config + ": watchdog.enabled is off",
                     {},
                     "with it on, the watchdog decides about the roles of nodes instead of pgpool-proxy"},
                    kExitConfig);
    }
    auto electorate = pgpool::watchdog::electorate_of(
        *start.config, pgpool::ipc::member_name(start.config->watchdog), options.is_witness);
    if (!electorate) return tell(electorate.error().within(options.config), kExitConfig);
    start.electorate = std::move(*electorate);
    auto bus = pgpool::ipc::bus_of(start.config->watchdog);
    if (!bus) return tell(bus.error().within(options.config), kExitConfig);
    start.bus = std::move(*bus);
    if (options.check) {
        if (const auto checked = check_hooks(start.config->hooks); !checked)
            return tell(checked.error().within(options.config), kExitConfig);
        std::printf("%s: no errors\n", options.config.c_str());
        return 0;
    }
    if (const auto made = make_folders(start.config->watchdog); !made)
        return tell(made.error(), kExitFailure);
    if (const auto recalled = recall(start); !recalled) return tell(recalled.error(), kExitConfig);
    pgpool::log::set_level(start.config->log.level);
    Server server(std::move(start));
    const auto status = server.run();
    return status ? *status : tell(status.error(), kExitFailure);
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app{
        "pgpool-watchdog: decides which PostgreSQL node is the primary and which member is active, by a "
        "lease\n"
        "that a majority of members and nodes grants"};
    app.add_option("-c,--config", options.config, "configuration file")->capture_default_str();
    app.add_flag("--check", options.check, "check the configuration and exit: 0 = no errors, 2 = errors");
    app.add_flag("--witness", options.is_witness, "only vote; for the member that watchdog.witness names");
    app.set_version_flag("--version", "pgpool-watchdog " PGPOOL_VERSION);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : kExitConfig;
    }
    try {
        return serve(options);
    } catch (const std::exception& error) {
        return tell({error.what(), {}, ""}, kExitFailure);
    }
}
