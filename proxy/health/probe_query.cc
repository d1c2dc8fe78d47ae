// SPDX-License-Identifier: PostgreSQL
#include "proxy/health/probe_query.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>
#include <vector>

namespace pgpool::health {

namespace {

using cluster::ProbeResult;
using cluster::ReplicationRow;

// Promotion goes one way: a node that was in recovery when `mode` was computed may call the replay functions
// even if it is promoted meanwhile, and the other functions are called only when it was not.
constexpr std::string_view kHead =
    "WITH mode AS MATERIALIZED (SELECT pg_catalog.pg_is_in_recovery() AS standby) SELECT standby, "
    "CASE WHEN NOT standby THEN ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name("
    "pg_catalog.pg_current_wal_lsn()), 1, 8))::bit(32)::int ELSE ";

constexpr std::string_view kFullIdentity =
    "greatest((SELECT received_tli FROM pg_catalog.pg_stat_wal_receiver), "
    "(SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()), "
    "(SELECT min_recovery_end_timeline FROM pg_catalog.pg_control_recovery())) END, "
    "(SELECT system_identifier FROM pg_catalog.pg_control_system()), ";
constexpr std::string_view kLimitedIdentity =
    "(SELECT received_tli FROM pg_catalog.pg_stat_wal_receiver) END, NULL, ";

// The fields of a replication row are separated by US, rows by RS: application_name holds printable ASCII
// only.
constexpr std::string_view kTail =
    "CASE WHEN NOT standby THEN pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0') "
    "END, "
    "CASE WHEN standby THEN pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_replay_lsn(), '0/0') END, "
    "CASE WHEN NOT standby THEN NULL "
    "WHEN pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn() THEN 0 "
    "ELSE pg_catalog.trunc(extract(epoch FROM pg_catalog.clock_timestamp() - "
    "pg_catalog.pg_last_xact_replay_timestamp()) * 1000000)::bigint END, "
    "pg_catalog.current_setting('server_version'), "
    "CASE WHEN NOT standby THEN (SELECT pg_catalog.string_agg(coalesce(application_name, '') || E'\\x1f' || "
    "coalesce(pg_catalog.host(client_addr), '') || E'\\x1f' || coalesce(state, '') || E'\\x1f' || "
    "coalesce(sync_state, ''), E'\\x1e') FROM pg_catalog.pg_stat_replication) END FROM mode";

enum Column : std::uint8_t {
    kStandby,
    kTimeline,
    kSystem,
    kWrite,
    kReplay,
    kLag,
    kVersion,
    kReplication,
    kColumns
};

template <typename Number>
Number number_or_zero(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() ? value : Number{};
}

std::string_view take_until(std::string_view& text, char separator) {
    const std::size_t end = text.find(separator);
    const std::string_view taken = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    return taken;
}

std::vector<ReplicationRow> read_replication(std::string_view text) {
    constexpr char kUnit = '\x1f';
    constexpr char kRecord = '\x1e';
    std::vector<ReplicationRow> rows;
    while (!text.empty()) {
        std::string_view record = take_until(text, kRecord);
        ReplicationRow row;
        row.application_name = take_until(record, kUnit);
        row.client_address = take_until(record, kUnit);
        row.state = take_until(record, kUnit);
        row.sync_state = take_until(record, kUnit);
        rows.push_back(std::move(row));
    }
    return rows;
}

}  // namespace

std::string probe_query(ProbeDepth depth) {
    std::string text(kHead);
    text += depth == ProbeDepth::Full ? kFullIdentity : kLimitedIdentity;
    text += kTail;
    return text;
}

Result<ProbeResult> read_probe(const pg::Rows& rows) {
    if (rows.size() != 1 || rows.columns() != kColumns) {
        return fail(sqlstate::kProtocolViolation, "the probe was answered with something else than its row");
    }
    ProbeResult result;
    result.in_recovery = rows.is_true(0, kStandby);
    result.timeline = number_or_zero<std::uint32_t>(rows.text(0, kTimeline));
    result.system_identifier = rows.text(0, kSystem);
    result.write_lsn = Lsn(number_or_zero<std::uint64_t>(rows.text(0, kWrite)));
    result.replay_lsn = Lsn(number_or_zero<std::uint64_t>(rows.text(0, kReplay)));
    if (rows.at(0, kLag)) {
        // A standby whose clock is behind the primary's would be ahead of it.
        result.lag_time =
            std::max(microseconds(0), microseconds(number_or_zero<std::int64_t>(rows.text(0, kLag))));
    }
    result.server_version = rows.text(0, kVersion);
    result.replication = read_replication(rows.text(0, kReplication));
    return result;
}

}  // namespace pgpool::health
