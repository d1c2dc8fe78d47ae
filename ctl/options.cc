// SPDX-License-Identifier: PostgreSQL
#include "ctl/options.h"

namespace pgpool::ctl {

namespace {

constexpr const char* kFooter =
    "Exit status: 0 done, nodes are equal; 1 nodes differ, or the proxy or a node refused; 2 command line "
    "or\n"
    "configuration; 3 the proxy or a node does not answer. See pgpool-ctl(8).";

CLI::App* add_command(CLI::App& app, Options& options, Command command, const char* name, const char* help) {
    CLI::App* added = app.add_subcommand(name, help);
    added->callback([&options, command] { options.command = command; });
    return added;
}

void add_databases(CLI::App* command, Options& options) {
    command->add_option("--databases", options.databases, "only these databases, separated by commas")
        ->delimiter(',')
        ->type_name("NAMES");
}

void declare_proxy_commands(CLI::App& app, Options& options) {
    add_command(app, options, Command::Nodes, "nodes",
                "the nodes and their states, from the proxy; without it from the nodes themselves");
    CLI::App* show =
        add_command(app, options, Command::Show, "show",
                    "a SHOW command of the proxy: show pools, show nodes, show health_check_stats; "
                    "show help lists them");
    show->add_option("what", options.words, "what to show")->required()->type_name("WHAT");
    CLI::App* attach = add_command(app, options, Command::Attach, "attach", "let the proxy use a node again");
    attach->add_option("node", options.node, "name of the node")->required()->type_name("NODE");
    CLI::Option* force = attach->add_flag(
        "--force", options.is_forced,
        "you know that it holds the same data: copied while nobody wrote, or found equal by verify");
    attach
        ->add_flag("--verify", options.verifies,
                   "compare it with the nodes that are in, and take it in if they are equal")
        ->excludes(force);
    CLI::App* detach =
        add_command(app, options, Command::Detach, "detach", "let the proxy use a node no more");
    detach->add_option("node", options.node, "name of the node")->required()->type_name("NODE");
    detach->add_option("--reason", options.reason, "why; kept with the node")->type_name("TEXT");
}

void declare_node_commands(CLI::App& app, Options& options) {
    add_command(app, options, Command::CheckNodes, "check-nodes",
                "what would make nodes diverge: versions, encodings, collations, settings, extensions");
    CLI::App* prepare = add_command(app, options, Command::PrepareNodes, "prepare-nodes",
                                    "check-nodes, then make what mode replication keeps in each database");
    add_databases(prepare, options);
    prepare->add_flag("--print", options.print_only, "print the SQL and run nothing");
    CLI::App* verify = add_command(app, options, Command::Verify, "verify",
                                   "compare schema and contents of all nodes while service runs");
    add_databases(verify, options);
    verify->add_option("--tables", options.tables, "only these tables, schema.name, separated by commas")
        ->delimiter(',')
        ->type_name("TABLES");
    verify->add_option("--chunk", options.chunk, "rows of one comparison")
        ->capture_default_str()
        ->check(CLI::Range(1U, 10'000'000U))
        ->type_name("ROWS");
    verify
        ->add_option("--tries", options.tries,
                     "how often, 0.2 s apart, what differs is compared again before it counts")
        ->capture_default_str()
        ->check(CLI::Range(0U, 10'000U))
        ->type_name("N");
    verify->add_flag("--no-progress", options.hide_progress, "no progress bar");
}

}  // namespace

void declare_options(CLI::App& app, Options& options) {
    app.fallthrough();             // options of all commands may stand behind the command too
    app.require_subcommand(0, 1);  // main tells of none: CLI11 would hide an unknown word behind that
    app.footer(kFooter);
    app.set_version_flag("--version", "pgpool-ctl " PGPOOL_VERSION);
    app.add_option("-c,--config", options.config, "configuration file")
        ->capture_default_str()
        ->take_last()
        ->type_name("FILE");
    app.add_option("-U,--user", options.user, "who asks the proxy; default: the first of admin.users")
        ->type_name("NAME");
    app.add_flag("--json", options.is_json, "answer in JSON");
    declare_proxy_commands(app, options);
    declare_node_commands(app, options);
}

}  // namespace pgpool::ctl
