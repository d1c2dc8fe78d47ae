// SPDX-License-Identifier: PostgreSQL
#include "proxy/admin/show_nodes.h"

#include <array>
#include <utility>

#include "common/cluster/role_name.h"
#include "proxy/admin/cells.h"

namespace pgpool::admin {

namespace {

using cluster::NodeStatus;
using cluster::role_name;
using session::Counted;

std::optional<WallTime> changed_at(const NodeStatus& node) {
    return node.last_change == WallTime{} ? std::nullopt : std::optional(node.last_change);
}

Value lag_of(const NodeStatus& node) {
    return node.lag_bytes == cluster::kLagUnknown ? Value() : number(node.lag_bytes);
}

Value as_milliseconds(Duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
}

Value ratio(double part, std::uint64_t of) {
    return of == 0 ? 0.0 : part / static_cast<double>(of);
}

}  // namespace

OwnResult pool_nodes(const Context& context) {
    OwnResult result;
    result.columns = {{"node_id", ColumnType::Int4},
                      {"hostname"},
                      {"port", ColumnType::Int4},
                      {"status"},
                      {"pg_status"},
                      {"lb_weight", ColumnType::Float8},
                      {"role"},
                      {"pg_role"},
                      {"select_cnt", ColumnType::Int8},
                      {"load_balance_node", ColumnType::Bool},
                      {"replication_delay", ColumnType::Int8},
                      {"replication_state"},
                      {"replication_sync_state"},
                      {"last_status_change", ColumnType::Timestamptz},
                      {"reason"}};
    double total = 0;
    for (const NodeStatus& node : context.topology->nodes) total += node.weight;
    for (const NodeStatus& node : context.topology->nodes) {
        result.rows.push_back(
            {number(node.id.value), node.host, number(node.port), text(status_of(node)),
             text(status_of(node)), total > 0 ? node.weight / total : 0.0,
             text(role_name(*context.topology, node)), text(role_name(*context.topology, node)),
             number(context.statistics->get(node.id, Counted::Select)), context.reads_at == node.id,
             lag_of(node), text_or_null(node.replication_state), text_or_null(node.replication_sync_state),
             moment(changed_at(node)), text_or_null(node.reason)});
    }
    return result;
}

OwnResult pool_backend_stats(const Context& context) {
    static constexpr std::array<std::pair<std::string_view, Counted>, session::kCountedKinds> kCounts{
        {{"select_cnt", Counted::Select},
         {"insert_cnt", Counted::Insert},
         {"update_cnt", Counted::Update},
         {"delete_cnt", Counted::Delete},
         {"ddl_cnt", Counted::Ddl},
         {"other_cnt", Counted::Other},
         {"panic_cnt", Counted::Panic},
         {"fatal_cnt", Counted::Fatal},
         {"error_cnt", Counted::Error}}};
    OwnResult result;
    result.columns = {
        {"node_id", ColumnType::Int4}, {"hostname"}, {"port", ColumnType::Int4}, {"status"}, {"role"}};
    for (const auto& [name, kind] : kCounts) result.columns.push_back({name, ColumnType::Int8});
    for (const NodeStatus& node : context.topology->nodes) {
        Row row{number(node.id.value), node.host, number(node.port), text(status_of(node)),
                text(role_name(*context.topology, node))};
        for (const auto& [name, kind] : kCounts)
            row.push_back(number(context.statistics->get(node.id, kind)));
        result.rows.push_back(std::move(row));
    }
    return result;
}

OwnResult pool_health_check_stats(const Context& context) {
    OwnResult result;
    result.columns = {{"node_id", ColumnType::Int4},
                      {"hostname"},
                      {"port", ColumnType::Int4},
                      {"status"},
                      {"role"},
                      {"last_status_change", ColumnType::Timestamptz},
                      {"total_count", ColumnType::Int8},
                      {"success_count", ColumnType::Int8},
                      {"fail_count", ColumnType::Int8},
                      {"skip_count", ColumnType::Int8},
                      {"retry_count", ColumnType::Int8},
                      {"average_retry_count", ColumnType::Float8},
                      {"max_retry_count", ColumnType::Int8},
                      {"max_duration", ColumnType::Float8},
                      {"min_duration", ColumnType::Float8},
                      {"average_duration", ColumnType::Float8},
                      {"last_health_check", ColumnType::Timestamptz},
                      {"last_successful_health_check", ColumnType::Timestamptz},
                      {"last_skip_health_check", ColumnType::Timestamptz},
                      {"last_failed_health_check", ColumnType::Timestamptz}};
    const auto wall = [&](const std::optional<TimePoint>& at) {
        return at ? Value(context.wall(*at)) : Value();
    };
    for (const NodeStatus& node : context.topology->nodes) {
        const cluster::ProbeTimes& times = node.probe_times;
        const double total = std::chrono::duration<double, std::milli>(times.total).count();
        result.rows.push_back({number(node.id.value),
                               node.host,
                               number(node.port),
                               text(status_of(node)),
                               text(role_name(*context.topology, node)),
                               moment(changed_at(node)),
                               number(node.probes),
                               number(node.probes - node.failed_probes),
                               number(node.failed_probes),
                               number(0),
                               number(times.after_failure),
                               ratio(static_cast<double>(times.after_failure), node.probes),
                               number(times.longest_failure_run),
                               as_milliseconds(times.longest),
                               as_milliseconds(times.shortest),
                               ratio(total, node.probes),
                               wall(times.last),
                               wall(times.last_success),
                               Value(),
                               wall(times.last_failure)});
    }
    return result;
}

}  // namespace pgpool::admin
