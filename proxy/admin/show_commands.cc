// SPDX-License-Identifier: PostgreSQL
#include "proxy/admin/show_commands.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "proxy/admin/cells.h"
#include "proxy/admin/collect.h"
#include "proxy/admin/console.h"
#include "proxy/admin/gather.h"
#include "proxy/admin/node_commands.h"
#include "proxy/admin/show_config.h"
#include "proxy/admin/show_nodes.h"
#include "proxy/admin/show_pools.h"
#include "proxy/admin/show_watchdog.h"

namespace pgpool::admin {

namespace {

using session::OwnOutcome;

OwnResult one_text(std::string_view column, std::string value) {
    OwnResult result;
    result.columns = {{column}};
    result.rows.push_back({std::move(value)});
    return result;
}

std::string to_upper_ascii(std::string_view word) {
    std::string upper(word);
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    return upper;
}

// "reload" of "pgpool reload".
std::string_view verb_of(const sql::Statement& statement) {
    return std::string_view(statement.name).substr(std::string_view("pgpool ").size());
}

OwnResult version(const Context& /*context*/, const Reports& /*reports*/) {
    return one_text("version", "pgpool-proxy " PGPOOL_VERSION);
}
OwnResult help(const Context& context, const Reports& reports);

enum class Where : std::uint8_t { Everywhere, Console };

struct Command {
    std::string_view name;  // the word after SHOW
    Where where;
    Wanted wanted;
    OwnResult (*show)(const Context& context, const Reports& reports);
    std::string_view help;
};

constexpr std::array<Command, 17> kCommands{{
    {"pool_nodes", Where::Everywhere, Wanted::Nothing,
     [](const Context& context, const Reports&) { return pool_nodes(context); },
     "the PostgreSQL nodes, their state and their lag"},
    {"pool_pools", Where::Everywhere, Wanted::Servers, pool_pools, "server connections"},
    {"pool_processes", Where::Everywhere, Wanted::Clients, pool_processes, "client sessions"},
    {"pool_backend_stats", Where::Everywhere, Wanted::Nothing,
     [](const Context& context, const Reports&) { return pool_backend_stats(context); },
     "statements sent to each node, errors that came back"},
    {"pool_health_check_stats", Where::Everywhere, Wanted::Nothing,
     [](const Context& context, const Reports&) { return pool_health_check_stats(context); },
     "health probes of each node"},
    {"pool_watchdog", Where::Everywhere, Wanted::Nothing,
     [](const Context& context, const Reports&) { return pool_watchdog(context); },
     "who decides about roles, and what is known of it"},
    {"pool_status", Where::Everywhere, Wanted::Nothing,
     [](const Context& context, const Reports&) { return pool_status(*context.config); },
     "the configuration in force"},
    {"pool_version", Where::Everywhere, Wanted::Nothing,
     [](const Context&, const Reports&) { return one_text("pool_version", PGPOOL_VERSION); },
     "version of the proxy"},
    {"pools", Where::Console, Wanted::Pools, console_pools,
     "clients and server connections by database and user"},
    {"clients", Where::Console, Wanted::Clients, console_clients, "every client"},
    {"servers", Where::Console, Wanted::Servers, console_servers, "every server connection"},
    {"stats", Where::Console, Wanted::Pools, console_stats, "what was done, by database"},
    {"databases", Where::Console, Wanted::Pools, console_databases, "databases in use and their limits"},
    {"users", Where::Console, Wanted::Pools, console_users, "users who were here, and administrators"},
    {"config", Where::Console, Wanted::Nothing,
     [](const Context& context, const Reports&) { return console_config(*context.config); },
     "the configuration in force, with defaults"},
    {"version", Where::Console, Wanted::Nothing, version, "version of the proxy"},
    {"help", Where::Console, Wanted::Nothing, help, "these lines"},
}};

OwnResult help(const Context& /*context*/, const Reports& /*reports*/) {
    OwnResult result;
    result.columns = {{"command"}, {"shows"}};
    for (const Command& command : kCommands) {
        result.rows.push_back({"SHOW " + to_upper_ascii(command.name), text(command.help)});
    }
    result.rows.push_back({text("SHOW ROUTE FOR <sql>"), text("where a statement would go, and why")});
    result.rows.push_back({text("PGPOOL SHOW <parameter> | ALL"), text("the configuration in force")});
    result.rows.push_back({text("PGPOOL RELOAD"), text("reads the configuration file again")});
    result.rows.push_back(
        {text("PGPOOL ATTACH NODE <name> [FORCE]"), text("mode replication: takes a node in")});
    result.rows.push_back(
        {text("PGPOOL DETACH NODE <name> [REASON '<text>']"), text("mode replication: takes a node out")});
    return result;
}

OwnOutcome finished(Result<OwnResult> result, exec::Run run) {
    if (result && run == exec::Run::Describe) result->rows.clear();
    if (result && result->tag.empty()) result->tag = "SHOW";
    return result;
}

OwnOutcome refused(SqlState sqlstate, std::string message) {
    return Result<OwnResult>(fail(sqlstate, std::move(message)));
}

OwnOutcome show(session::Worker& worker, const session::ClientConnection& asker, const Command& command,
                exec::Run run) {
    Context context = context_of(worker, asker);
    if (command.wanted == Wanted::Nothing || run == exec::Run::Describe)
        return finished(command.show(context, {}), run);
    return Gather::start(worker, asker.id(), command.wanted,
                         [context = std::move(context), build = command.show](const Reports& reports) {
                             OwnResult result = build(context, reports);
                             result.tag = "SHOW";
                             return result;
                         });
}

OwnResult route_of(const exec::Session& session, std::string_view sql, exec::Run run) {
    OwnResult result;
    result.columns = {{"route"}};
    if (run == exec::Run::Describe) return result;
    for (std::string& line : session.explain_route(sql)) result.rows.push_back({std::move(line)});
    return result;
}

OwnOutcome pgpool_show(const config::Config& config, std::string_view name, exec::Run run) {
    const std::string wanted = to_lower_ascii(name);
    if (wanted.empty()) return refused(sqlstate::kSyntaxError, "usage: PGPOOL SHOW <parameter> | ALL");
    if (wanted == "all") return finished(pool_status(config), run);
    return finished(parameter(config, wanted), run);
}

// The rest of PGPOOL changes something.
OwnOutcome change(session::Worker& worker, const session::ClientConnection& asker,
                  const sql::Statement& statement, exec::Run run) {
    if (!context_of(worker, asker).is_admin) {
        return refused(SqlState("42501"),
                       fmt::format("permission denied: PGPOOL {} is for users in admin.users",
                                   to_upper_ascii(verb_of(statement))));
    }
    if (run == exec::Run::Describe) return Result<OwnResult>(OwnResult{});
    if (verb_of(statement) == "reload") return PendingReload::start(worker, asker.id());
    return run_node_command(worker, asker, verb_of(statement), statement.argument);
}

OwnOutcome pgpool_command(session::Worker& worker, const session::ClientConnection& asker,
                          const sql::Statement& statement, exec::Run run) {
    if (statement.name == "pgpool show") return pgpool_show(worker.config(), statement.argument, run);
    const bool is_reload = statement.name == "pgpool reload" && statement.argument.empty();
    if (is_reload || statement.name == "pgpool attach" || statement.name == "pgpool detach")
        return change(worker, asker, statement, run);
    if (statement.name == "pgpool set" || statement.name == "pgpool reset") {
        return refused(sqlstate::kFeatureNotSupported,
                       "parameters are changed in the configuration file, followed by PGPOOL RELOAD");
    }
    return refused(sqlstate::kSyntaxError,
                   "usage: PGPOOL SHOW <parameter> | ALL, PGPOOL RELOAD, PGPOOL ATTACH NODE <name> [FORCE], "
                   "PGPOOL DETACH NODE <name> [REASON '<text>']");
}

}  // namespace

OwnOutcome run_own_command(session::Worker& worker, const session::ClientConnection& asker,
                           const sql::Statement& statement, exec::Run run) {
    const exec::Session& session = *asker.session();
    if (statement.name.starts_with("pgpool ")) return pgpool_command(worker, asker, statement, run);
    if (statement.name == "route") return finished(route_of(session, statement.argument, run), run);
    if (statement.name == "pool_cache")
        return refused(sqlstate::kFeatureNotSupported, "this version has no query cache");
    for (const Command& command : kCommands) {
        if (command.name != statement.name) continue;
        if (!statement.argument.empty()) break;
        if (command.where == Where::Console && !session.login().database->is_admin) break;
        return show(worker, asker, command, run);
    }
    const std::string command =
        statement.argument.empty() ? statement.name : statement.name + " " + statement.argument;
    return refused(sqlstate::kSyntaxError,
                   fmt::format("unknown command: SHOW {}; SHOW HELP lists them", command));
}

}  // namespace pgpool::admin
