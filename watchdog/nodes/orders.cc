// SPDX-License-Identifier: PostgreSQL
#include "watchdog/nodes/orders.h"

#include <fmt/core.h>

#include "common/pg/own_session.h"
#include "common/pg/sql_text.h"

namespace pgpool::nodes {

namespace {

using voters::Command;

std::string literal(std::string_view value) {
    const bool has_backslash = value.find('\\') != std::string_view::npos;
    std::string text = has_backslash ? "E'" : "'";
    for (const char c : value) text.append(c == '\'' || c == '\\' ? 2 : 1, c);
    return text + "'";
}

Command set(std::string_view setting, std::string_view value) {
    return {fmt::format("ALTER SYSTEM SET {} = {}", setting, literal(value)), Command::Guard::None};
}

Command reset(std::string_view setting) {
    return {fmt::format("ALTER SYSTEM RESET {}", setting), Command::Guard::None};
}

Command reload() {
    return {"pg_catalog.pg_reload_conf()", Command::Guard::ServerClock};
}

std::string own_sessions() {
    std::string names;
    for (const pg::OwnSession session : pg::kOwnSessions)
        names += fmt::format("{}{}", names.empty() ? "" : ", ", literal(pg::name_of(session)));
    return names;
}

}  // namespace

Commands prove() {
    return {{"pg_catalog.pg_is_in_recovery()", Command::Guard::ServerClock}};
}

Commands cut_off() {
    return {set("primary_conninfo", ""), reload()};
}

Commands follow(std::string_view conninfo) {
    return {set("primary_conninfo", conninfo), reload()};
}

Commands promote() {
    return {{"CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_promote(false) END",
             Command::Guard::ServerClock}};
}

Commands set_sync(const decide::SyncRule& rule) {
    return {set("synchronous_standby_names", sync_names(rule)), reload()};
}

Commands keep_slot(std::string_view name) {
    return {{fmt::format("(SELECT pg_catalog.pg_create_physical_replication_slot({0}, true) WHERE NOT EXISTS "
                         "(SELECT FROM pg_catalog.pg_replication_slots WHERE slot_name = {0}))",
                         literal(name)),
             Command::Guard::ServerClock}};
}

Commands stop_writes() {
    return {set("default_transaction_read_only", "on"), set("synchronous_standby_names", kStoppedSync),
            reload(), end_clients()};
}

Command end_clients() {
    return {fmt::format("(SELECT pg_catalog.count(pg_catalog.pg_terminate_backend(pid)) "
                        "FROM pg_catalog.pg_stat_activity WHERE {})",
                        client_sessions()),
            Command::Guard::ServerClock};
}

Commands take_writes(const decide::SyncRule& rule) {
    return {set("synchronous_standby_names", sync_names(rule)), reset("default_transaction_read_only"),
            reload()};
}

std::string client_sessions() {
    return fmt::format(
        "backend_type = 'client backend' AND NOT (usename = current_user AND application_name IN ({}))",
        own_sessions());
}

std::string told(const voters::Command& command) {
    const std::string secret = "ALTER SYSTEM SET primary_conninfo = ";
    return command.sql.starts_with(secret) && command.sql != secret + "''" ? secret + "..." : command.sql;
}

std::string sync_names(const decide::SyncRule& rule) {
    if (rule.needed == 0) return "";
    std::string names;
    for (const std::string& name : rule.names)
        names += (names.empty() ? "" : ", ") + pg::quote_identifier(name);
    return fmt::format("ANY {} ({})", rule.needed, names);
}

}  // namespace pgpool::nodes
