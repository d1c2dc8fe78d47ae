// SPDX-License-Identifier: PostgreSQL
#include <fmt/core.h>

#include <array>
#include <chrono>
#include <cstdlib>

#include "common/pg/rights.h"
#include "ctl/doctor/judge.h"
#include "ctl/doctor/look.h"
#include "ctl/node_access.h"
#include "watchdog/voters/node_sql.h"

namespace pgpool::ctl {

namespace {

namespace node_sql = voters::node_sql;

constexpr seconds kQueryTime{10};

constexpr const char* kFacts =
    "SELECT pg_catalog.current_setting('server_version_num'), pg_catalog.pg_is_in_recovery(), "
    "pg_catalog.current_setting('is_superuser'), extract(epoch FROM pg_catalog.clock_timestamp()), "
    "pg_catalog.current_setting('synchronous_standby_names'), "
    "pg_catalog.current_setting('synchronous_commit')";

// What the decider orders in a failover, besides what the lease itself needs.
constexpr std::array<pg::Right, 9> kOrders{{
    {"pg_catalog.has_function_privilege('pg_catalog.pg_promote(boolean, integer)', 'EXECUTE')",
     "GRANT EXECUTE ON FUNCTION pg_catalog.pg_promote(boolean, integer) TO "},
    {"pg_catalog.has_function_privilege('pg_catalog.pg_reload_conf()', 'EXECUTE')",
     "GRANT EXECUTE ON FUNCTION pg_catalog.pg_reload_conf() TO "},
    {"pg_catalog.has_parameter_privilege('primary_conninfo', 'ALTER SYSTEM')",
     "GRANT ALTER SYSTEM ON PARAMETER primary_conninfo TO "},
    {"pg_catalog.has_parameter_privilege('synchronous_standby_names', 'ALTER SYSTEM')",
     "GRANT ALTER SYSTEM ON PARAMETER synchronous_standby_names TO "},
    {"pg_catalog.has_parameter_privilege('default_transaction_read_only', 'ALTER SYSTEM')",
     "GRANT ALTER SYSTEM ON PARAMETER default_transaction_read_only TO "},
    {"pg_catalog.has_function_privilege('pg_catalog.pg_read_file(text, bigint, bigint, boolean)', 'EXECUTE')",
     "GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_file(text, bigint, bigint, boolean) TO "},
    {"(SELECT rolreplication FROM pg_catalog.pg_roles WHERE rolname = current_user)", "ALTER ROLE ",
     " REPLICATION"},
    {"pg_catalog.pg_has_role('pg_signal_backend', 'USAGE')", "GRANT pg_signal_backend TO "},
    {"pg_catalog.pg_has_role('pg_checkpoint', 'USAGE')", "GRANT pg_checkpoint TO "},
}};

double now() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// What a client's login gets: a session without settings of ours, in which no name is looked up.
std::string idle_timeout_of(const config::Config& config, const config::Node& node) {
    auto client = connect_node(config, node, std::string(node_sql::kDatabase), pg::SessionSettings::None);
    if (!client) return "0";
    const auto rows = client->query("SHOW idle_session_timeout", {}, SteadyClock::now() + kQueryTime);
    return rows && !rows->empty() ? std::string(rows->text(0, 0)) : "0";
}

void look_at_rights(pg::Client& client, const config::Config& config, NodeLook& look) {
    const auto lease = client.query(node_sql::rights(), {}, SteadyClock::now() + kQueryTime);
    if (!lease) {
        look.error = node_sql::explain(lease.error().sqlstate, lease.error().message);
        return;
    }
    look.missing_for_lease = node_sql::missing_grants(*lease, config.health.user).value_or("");
    if (config.mode != config::ClusterMode::Streaming) return;
    const auto orders = client.query(pg::rights_query(kOrders), {}, SteadyClock::now() + kQueryTime);
    if (orders) {
        look.missing_for_orders = pg::missing_grants(kOrders, *orders, config.health.user);
    } else {
        look.error = orders.error().message;
    }
}

}  // namespace

NodeLook look_at_node(const config::Config& config, const config::Node& node) {
    NodeLook look;
    look.name = node.name;
    auto client = connect_node(config, node, std::string(node_sql::kDatabase));
    if (!client) {
        look.error = client.error().message;
        return look;
    }
    const double before = now();
    const auto facts = client->query(kFacts, {}, SteadyClock::now() + kQueryTime);
    const double after = now();
    if (!facts) {
        look.error = facts.error().message;
        return look;
    }
    look.version = std::atoi(std::string(facts->text(0, 0)).c_str());
    look.is_standby = facts->is_true(0, 1);
    look.is_superuser = facts->text(0, 2) == "on";
    look.clock_ahead = std::strtod(std::string(facts->text(0, 3)).c_str(), nullptr) - (before + after) / 2;
    look.sync_names = facts->text(0, 4);
    look.sync_commit = facts->text(0, 5);
    look.idle_timeout = idle_timeout_of(config, node);
    if (config.watchdog.enabled && !look.is_superuser && look.version >= kGrantableVersion)
        look_at_rights(*client, config, look);
    return look;
}

}  // namespace pgpool::ctl
