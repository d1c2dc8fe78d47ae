// SPDX-License-Identifier: PostgreSQL
#include "vip/options.h"

namespace pgpool::vip {

namespace {

constexpr const char* kFooter =
    "Without a command it runs as the service of a member, and holds the addresses as the watchdog orders.\n"
    "Exit status: 0 done; 1 an address was not taken or was lost, or somebody answers for it; 2 command "
    "line\n"
    "or configuration; 3 the kernel refused, or a privilege is missing. See pgpool-vip(8).";

CLI::App* add_command(CLI::App& app, Options& options, Command command, const char* name, const char* help) {
    CLI::App* added = app.add_subcommand(name, help);
    added->callback([&options, command] { options.command = command; });
    return added;
}

}  // namespace

void declare_options(CLI::App& app, Options& options) {
    app.fallthrough();  // options of all commands may stand behind the command too
    app.require_subcommand(0, 1);
    app.add_option("--user", options.user, "without a command, started by root: whom to run as")
        ->capture_default_str()
        ->type_name("NAME");
    app.footer(kFooter);
    app.set_version_flag("--version", "pgpool-vip " PGPOOL_VERSION);
    app.add_option("-c,--config", options.config, "configuration file")
        ->capture_default_str()
        ->take_last()
        ->type_name("FILE");
    app.add_flag("--check", options.is_check, "check the configuration and exit: 0 = no errors, 2 = errors");
    app.add_flag("--dry-run", options.is_dry_run, "change nothing, tell what would be done");
    app.add_flag("--json", options.is_json, "answer in JSON, one object per line");
    CLI::App* hold = add_command(app, options, Command::Hold, "hold",
                                 "take the addresses that nobody answers for, hold them, let them go");
    hold->add_option("--for", options.seconds, "how long; they are gone by then")
        ->required()
        ->check(CLI::Range(1.0, 1e6))
        ->type_name("SECONDS");
    hold->add_flag("--graceful", options.is_graceful,
                   "do not ask the network first: who held them has let them go");
    hold->add_option("--clients", options.clients,
                     "connections of the holder before, as `clients` prints them: their clients are told")
        ->type_name("FILE");
    add_command(app, options, Command::Probe, "probe", "ask the network who has the addresses");
    add_command(app, options, Command::List, "list", "the addresses on this host that bear our tag");
    add_command(app, options, Command::Clean, "clean", "take off the addresses that bear our tag");
    add_command(app, options, Command::Clients, "clients", "the TCP connections at the addresses");
}

}  // namespace pgpool::vip
