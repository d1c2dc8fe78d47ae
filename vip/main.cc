// SPDX-License-Identifier: PostgreSQL
// pgpool-vip: puts virtual addresses on interfaces and takes them off, as the watchdog orders or by hand.
#include <net/if.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <utility>
#include <vector>

#include "common/config/load.h"
#include "common/ipc/member_bus.h"
#include "common/obs/log.h"
#include "vip/clients_file.h"
#include "vip/commands.h"
#include "vip/daemon.h"
#include "vip/kernel/privileges.h"
#include "vip/options.h"

namespace {

using pgpool::Error;
using pgpool::Result;
using pgpool::vip::Command;
using pgpool::vip::Daemon;
using pgpool::vip::Effect;
using pgpool::vip::ExitCode;
using pgpool::vip::Options;
using pgpool::vip::Task;

ExitCode tell(const Error& error, ExitCode code) {
    std::fprintf(stderr, "pgpool-vip: %s\n", error.message.c_str());
    if (!error.hint.empty()) std::fprintf(stderr, "%s\n", error.hint.c_str());
    return code;
}

// What needs the network's privileges keeps those; what looks only keeps none.
Result<void> reduce_privileges(Command command) {
    const bool acts = command == Command::Hold || command == Command::Probe || command == Command::Clean;
    return acts ? pgpool::vip::keep_network_privileges() : pgpool::vip::give_up_privileges();
}

Result<void> become_service(const Options& options, const pgpool::config::Watchdog& watchdog) {
    if (::geteuid() != 0) return pgpool::vip::keep_network_privileges();
    const auto bus = pgpool::ipc::bus_of(watchdog);
    if (!bus) return tl::unexpected(bus.error());
    auto user = pgpool::vip::find_user(options.user, *bus->trust.group);
    if (!user) {
        user.error().hint = "create it (systemd-sysusers), or name another with --user";
        return tl::unexpected(user.error());
    }
    return pgpool::vip::keep_network_privileges(*user);
}

// Without a command: until it is told to end.
ExitCode serve(const Options& options, pgpool::config::Config config,
               std::vector<pgpool::vip::VirtualAddress> addresses) {
    if (!config.watchdog.enabled) {
        const Error error{
            options.config + ": watchdog.enabled is off: nobody would order addresses to be held",
            {},
            "to hold them by hand: pgpool-vip hold --help"};
        return tell(error, ExitCode::Usage);
    }
    if (const auto reduced = become_service(options, config.watchdog); !reduced)
        return tell(reduced.error(), ExitCode::Refused);
    pgpool::log::set_level(config.log.level);
    const Effect effect = options.is_dry_run ? Effect::DryRun : Effect::Real;
    Daemon daemon(std::move(config), options.config, std::move(addresses), effect);
    const auto served = daemon.run();
    return served ? ExitCode::Done : tell(served.error(), ExitCode::Refused);
}

Result<ExitCode> run(const Task& task) {
    switch (task.options.command) {
        case Command::Hold:
            return run_hold(task);
        case Command::Probe:
            return run_probe(task);
        case Command::List:
            return run_list(task);
        case Command::Clean:
            return run_clean(task);
        case Command::Clients:
            return run_clients(task);
        case Command::None:
            break;
    }
    return ExitCode::Usage;
}

Result<void> check_interfaces(const std::vector<pgpool::vip::VirtualAddress>& addresses) {
    for (const auto& address : addresses) {
        if (if_nametoindex(address.interface.c_str()) == 0)
            return pgpool::fail(pgpool::sqlstate::kConfigFileError, address.text() + ": no such interface");
    }
    return {};
}

// What the service needs to find the watchdog.
Result<void> check_bus(const pgpool::config::Watchdog& watchdog) {
    if (!watchdog.enabled) return {};
    const auto bus = pgpool::ipc::bus_of(watchdog);
    return bus ? Result<void>() : tl::unexpected(bus.error());
}

ExitCode start(const Options& options) {
    auto loaded = pgpool::config::load_file(options.config);
    for (const auto& error : loaded.errors) std::fprintf(stderr, "%s\n", to_string(error).c_str());
    if (!loaded.config) return ExitCode::Usage;
    auto addresses = pgpool::vip::virtual_addresses(loaded.config->vip);
    if (!addresses) return tell(addresses.error().within(options.config), ExitCode::Usage);
    if (addresses->empty())
        return tell({options.config + ": vip.addresses is empty", {}, ""}, ExitCode::Usage);
    // An interface may come later than the service does.
    if (options.command == Command::None && !options.is_check)
        return serve(options, std::move(*loaded.config), std::move(*addresses));
    if (const auto checked = check_interfaces(*addresses); !checked)
        return tell(checked.error().within(options.config), ExitCode::Usage);
    if (options.is_check) {
        if (const auto checked = check_bus(loaded.config->watchdog); !checked)
            return tell(checked.error().within(options.config), ExitCode::Usage);
        std::printf("%s: no errors\n", options.config.c_str());
        return ExitCode::Done;
    }
    std::vector<pgpool::vip::Connection> clients;
    if (!options.clients.empty()) {
        auto read = pgpool::vip::read_clients(options.clients);
        if (!read) return tell(read.error(), ExitCode::Usage);
        clients = std::move(*read);
    }
    if (const auto reduced = reduce_privileges(options.command); !reduced)
        return tell(reduced.error(), ExitCode::Refused);
    const auto code = run({options, loaded.config->vip, std::move(*addresses), std::move(clients)});
    return code ? *code : tell(code.error(), ExitCode::Refused);
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app{"pgpool-vip: holds the virtual addresses of the PostgreSQL HA appliance", "pgpool-vip"};
    pgpool::vip::declare_options(app, options);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::Usage);
    }
    try {
        return static_cast<int>(start(options));
    } catch (const std::exception& error) {
        return static_cast<int>(tell({error.what(), {}, ""}, ExitCode::Refused));
    }
}
