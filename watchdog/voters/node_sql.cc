// SPDX-License-Identifier: PostgreSQL
#include "watchdog/voters/node_sql.h"

#include <fmt/core.h>

#include <array>
#include <charconv>

#include "common/pg/rights.h"

namespace pgpool::voters::node_sql {

namespace {

// Of a peer that is gone without a word; the server ends the session, and with it the lock, within seconds.
constexpr std::string_view kTcpTimeouts =
    "pg_catalog.set_config('tcp_keepalives_idle', '1', false), "
    "pg_catalog.set_config('tcp_keepalives_interval', '1', false), "
    "pg_catalog.set_config('tcp_keepalives_count', '3', false), "
    "pg_catalog.set_config('tcp_user_timeout', '3000', false)";

constexpr std::string_view kClock = "(extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::bigint";

// Class of the advisory lock; the letters "pgpp". Nobody else's, as far as is known.
constexpr std::int32_t kLockClass = 0x70677070;

constexpr std::array<pg::Right, 4> kRights{{
    {"pg_catalog.has_parameter_privilege('pgpool.epoch', 'ALTER SYSTEM')",
     "GRANT ALTER SYSTEM ON PARAMETER pgpool.epoch TO "},
    {"pg_catalog.has_table_privilege('pg_catalog.pg_file_settings', 'SELECT')",
     "GRANT SELECT ON pg_catalog.pg_file_settings TO "},
    {"pg_catalog.has_function_privilege('pg_catalog.pg_show_all_file_settings()', 'EXECUTE')",
     "GRANT EXECUTE ON FUNCTION pg_catalog.pg_show_all_file_settings() TO "},
    {"pg_catalog.pg_has_role('pg_monitor', 'USAGE')", "GRANT pg_monitor TO "},
}};

template <typename Number>
std::optional<Number> number(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<WallTime> wall_time(std::string_view microseconds_text) {
    const auto count = number<std::int64_t>(microseconds_text);
    if (!count) return std::nullopt;
    return WallTime(std::chrono::microseconds(*count));
}

}  // namespace

std::string setup(const lease::Parameters& parameters) {
    const auto milliseconds_of = [](BootDuration time) {
        return std::chrono::duration_cast<milliseconds>(time).count();
    };
    // A placeholder that the session does not have cannot be given to ALTER SYSTEM.
    return fmt::format(
        "SELECT pg_catalog.current_setting('is_superuser'), "
        "pg_catalog.set_config('idle_session_timeout', '{}ms', false), "
        "pg_catalog.set_config('statement_timeout', '{}ms', false), "
        "pg_catalog.set_config('pgpool.epoch', '0', false), {}",
        milliseconds_of(parameters.session_timeout), milliseconds_of(parameters.answer_timeout()),
        kTcpTimeouts);
}

bool is_superuser(const pg::Rows& rows) {
    return !rows.empty() && rows.text(0, 0) == "on";
}

std::string_view rights() {
    static const std::string sql = pg::rights_query(kRights);
    return sql;
}

std::optional<std::string> missing_grants(const pg::Rows& rows, std::string_view role) {
    std::string missing = pg::missing_grants(kRights, rows, role);
    if (missing.empty()) return std::nullopt;
    return missing;
}

// The reading depends on the locking, so it comes after it: nobody else can write what we then have read.
std::string_view lock() {
    static const std::string sql = fmt::format(
        "SELECT lock.is_ours, epoch.recorded, {} "
        "FROM (SELECT pg_catalog.pg_try_advisory_lock({}, 1) AS is_ours OFFSET 0) lock "
        "CROSS JOIN LATERAL (SELECT coalesce(max(setting::bigint) FILTER (WHERE setting ~ "
        "'^[0-9]{{1,18}}$'), 0) "
        "AS recorded FROM pg_catalog.pg_file_settings "
        "WHERE name = 'pgpool.epoch' AND lock.is_ours IS NOT NULL) epoch",
        kClock, kLockClass);
    return sql;
}

std::optional<Locked> read_locked(const pg::Rows& rows) {
    if (rows.size() != 1 || rows.columns() != 3) return std::nullopt;
    const auto recorded = number<std::uint64_t>(rows.text(0, 1));
    const auto clock = wall_time(rows.text(0, 2));
    if (!recorded || !clock) return std::nullopt;
    return Locked{rows.is_true(0, 0), Epoch(*recorded), *clock};
}

std::string record(Epoch epoch) {
    return fmt::format("ALTER SYSTEM SET pgpool.epoch = '{}'", epoch.value);
}

// Promotion goes one way: what is asked of a node in recovery may be asked if it is promoted meanwhile, too.
std::string_view probe() {
    static const std::string sql = fmt::format(
        "WITH mode AS MATERIALIZED (SELECT pg_catalog.pg_is_in_recovery() AS standby) SELECT standby, "
        "CASE WHEN NOT standby THEN ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name("
        "pg_catalog.pg_current_wal_lsn()), 1, 8))::bit(32)::int ELSE "
        "greatest((SELECT received_tli FROM pg_catalog.pg_stat_wal_receiver), "
        "(SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()), "
        "(SELECT min_recovery_end_timeline FROM pg_catalog.pg_control_recovery())) END, "
        "coalesce(CASE WHEN NOT standby THEN pg_catalog.pg_current_wal_flush_lsn() ELSE "
        "greatest(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn()) END - '0/0', "
        "0), "
        "coalesce(CASE WHEN standby THEN pg_catalog.pg_last_wal_replay_lsn() - '0/0' END, 0), "
        "(extract(epoch FROM pg_catalog.pg_postmaster_start_time()) * 1000000)::bigint, "
        "coalesce((SELECT (extract(epoch FROM max(backend_start)) * 1000000)::bigint "
        "FROM pg_catalog.pg_stat_activity WHERE backend_type = 'checkpointer'), 0), {} FROM mode",
        kClock);
    return sql;
}

std::optional<NodeObservation> read_probe(const pg::Rows& rows) {
    if (rows.size() != 1 || rows.columns() != 7) return std::nullopt;
    const auto timeline = number<std::uint32_t>(rows.text(0, 1));
    const auto flushed = number<std::uint64_t>(rows.text(0, 2));
    const auto replayed = number<std::uint64_t>(rows.text(0, 3));
    const auto postmaster = wall_time(rows.text(0, 4));
    const auto checkpointer = wall_time(rows.text(0, 5));
    const auto clock = wall_time(rows.text(0, 6));
    if (!timeline || !flushed || !replayed || !postmaster || !checkpointer || !clock) return std::nullopt;
    return NodeObservation{.in_recovery = rows.is_true(0, 0),
                           .timeline = *timeline,
                           .flushed = Lsn(*flushed),
                           .replayed = Lsn(*replayed),
                           .clock = *clock,
                           .postmaster_start = *postmaster,
                           .checkpointer_start = *checkpointer};
}

std::string guarded(std::string_view expression, WallTime not_after) {
    const auto end = std::chrono::floor<microseconds>(not_after.time_since_epoch()).count();
    return fmt::format(
        "SELECT guard.is_open, CASE WHEN guard.is_open THEN ({})::text END FROM (SELECT "
        "pg_catalog.clock_timestamp() < timestamptz 'epoch' + {} * interval '1 microsecond' AS is_open "
        "OFFSET 0) "
        "guard",
        expression, end);
}

std::string explain(const SqlState& state, std::string_view message) {
    const bool is_old = message.find("idle_session_timeout") != std::string_view::npos ||
                        message.find("has_parameter_privilege") != std::string_view::npos;
    if (state == sqlstate::kUndefinedObject && is_old) {
        return "PostgreSQL 14 or later is needed: older servers have no idle_session_timeout";
    }
    if (state == SqlState("42883") && is_old) {
        return "the role must be a superuser: PostgreSQL 14 lets nobody else use ALTER SYSTEM";
    }
    return std::string(message);
}

}  // namespace pgpool::voters::node_sql
