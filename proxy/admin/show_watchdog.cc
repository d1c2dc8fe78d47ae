// SPDX-License-Identifier: PostgreSQL
#include "proxy/admin/show_watchdog.h"

#include "proxy/admin/cells.h"

namespace pgpool::admin {

namespace {

std::string_view who_decides(const Context& context) {
    if (context.config->mode == config::ClusterMode::Replication) return "keeper";
    return context.watchdog ? "watchdog" : "proxy";
}

std::string_view hub_state(const member::WatchdogStatus& status) {
    return status.is_up ? "connected" : "away";
}

}  // namespace

exec::OwnResult pool_watchdog(const Context& context) {
    exec::OwnResult result;
    result.columns = {{"decided_by"},
                      {"hub"},
                      {"member"},
                      {"epoch", ColumnType::Int8},
                      {"revision", ColumnType::Int8},
                      {"lease_holder"},
                      {"lease_left_ms", ColumnType::Int8},
                      {"observations", ColumnType::Int8},
                      {"suppressed", ColumnType::Int8},
                      {"ignored", ColumnType::Int8},
                      {"hub_reason"},
                      {"parked_because"}};
    const member::WatchdogStatus status = context.watchdog.value_or(member::WatchdogStatus());
    const auto counted = [&](std::uint64_t value) { return context.watchdog ? number(value) : Value(); };
    result.rows.push_back({text(who_decides(context)), text(context.watchdog ? hub_state(status) : "none"),
                           text_or_null(status.member), counted(status.epoch), counted(status.revision),
                           text_or_null(status.lease_holder),
                           counted(static_cast<std::uint64_t>(status.lease_left_ms)),
                           counted(status.observed), counted(status.suppressed), counted(status.ignored),
                           text_or_null(status.away), text_or_null(context.topology->parked_because)});
    return result;
}

}  // namespace pgpool::admin
