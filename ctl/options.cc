// SPDX-License-Identifier: PostgreSQL
#include "ctl/options.h"

#include <fmt/core.h>

#include <string_view>

#include "common/config/suggest.h"
#include "ctl/cluster/options.h"

namespace pgpool::ctl {

namespace {

constexpr const char* kFooter =
    "Exit status: 0 done, nodes are equal; 1 nodes differ, or what was asked for was refused; 2 command line "
    "or\n"
    "configuration; 3 the watchdog, the proxy or a node does not answer. See pgpool-ctl(8).";

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
    CLI::App* attach = add_command(app, options, Command::Attach, "attach", "let a node serve again");
    attach->add_option("node", options.node, "name of the node")->required()->type_name("NODE");
    CLI::Option* force = attach->add_flag(
        "--force", options.is_forced,
        "you know that it holds the same data: copied while nobody wrote, or found equal by verify");
    attach
        ->add_flag("--verify", options.verifies,
                   "compare it with the nodes that are in, and take it in if they are equal")
        ->excludes(force);
    CLI::App* detach = add_command(app, options, Command::Detach, "detach", "let a node serve no more");
    detach->add_option("node", options.node, "name of the node")->required()->type_name("NODE");
    detach->add_option("--reason", options.reason, "why; kept with the node")->type_name("TEXT");
}

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
    return app.get_subcommands([](const CLI::App* /*command*/) { return true; });
}

Failure unknown_command(const CLI::App& app, const std::string& word) {
    const std::vector<const CLI::App*> commands = commands_of(app);
    std::vector<std::string_view> names;
    for (const CLI::App* command : commands) names.push_back(command->get_name());
    const std::string_view nearest = config::nearest(word, names);
    std::string message = fmt::format("unknown command '{}'", word);
    if (!nearest.empty()) message += fmt::format(", did you mean '{}'?", nearest);
    return {ExitCode::Usage, std::move(message), "pgpool-ctl help lists the commands"};
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

CLI::App* add_command(CLI::App& app, Options& options, Command command, const char* name, const char* help) {
    CLI::App* added = app.add_subcommand(name, help);
    added->callback([&options, command] { options.command = command; });
    return added;
}

Failure refusal_of(const CLI::App& app, const CLI::ParseError& error) {
    const std::vector<CLI::App*> given = app.get_subcommands();
    const std::vector<std::string> unknown = app.remaining();
    if (given.empty() && !unknown.empty() && !unknown.front().starts_with('-'))
        return unknown_command(app, unknown.front());
    const std::string topic = given.empty() ? "" : " " + given.front()->get_name();
    return {ExitCode::Usage, error.what(), fmt::format("pgpool-ctl help{} has the options", topic)};
}

Outcome<std::string> help_text(const CLI::App& app, const Options& options) {
    if (options.topic.empty())
        return app.get_formatter()->make_help(&app, app.get_name(), CLI::AppFormatMode::Normal);
    for (const CLI::App* command : commands_of(app)) {
        if (command->get_name() == options.topic) return command->help(app.get_name());
    }
    return tl::unexpected(unknown_command(app, options.topic));
}

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
    declare_cluster_commands(app, options);
    declare_installation_commands(app, options);
    add_command(app, options, Command::Help, "help", "the commands, or the options of one")
        ->add_option("command", options.topic, "a command")
        ->type_name("COMMAND");
}

}  // namespace pgpool::ctl
