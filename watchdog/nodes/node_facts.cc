// SPDX-License-Identifier: PostgreSQL
#include "watchdog/nodes/node_facts.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/pg/sql_text.h"
#include "watchdog/nodes/orders.h"

namespace pgpool::nodes {

namespace {

using Json = nlohmann::json;

constexpr int kLongHeader = 40;   // SizeOfXLogLongPHD, of a segment's first page
constexpr int kShortHeader = 24;  // SizeOfXLogShortPHD

// Promotion goes one way: what is asked of a node in recovery may be asked if it is promoted meanwhile, too.
//
// A standby without a receiver tells its timeline nowhere: its control file has that of the last
// restartpoint, which may be minutes old. What it has received last is in files that are named by the
// timeline; those that begin past its position are recycled ones.
//
// After a restart nothing but replay tells how far it is, until a receiver has run or startup waits for WAL.
// A receiver that connects is a process, and has no row of its own yet.
//
// The clients of a stopped primary are counted before its position is read: who was there may have written.
// At the end of a page or segment the position to insert at is behind the header of the next one, which no
// standby has before something is in it (XLogBytePosToRecPtr() in src/backend/access/transam/xlog.c).
std::string begin() {
    return fmt::format(
        "WITH mode AS MATERIALIZED (SELECT standby, clients, at - CASE WHEN clients IS NULL THEN 0 "
        "WHEN at % pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size')) = {} THEN {} "
        "WHEN at % pg_catalog.current_setting('wal_block_size')::bigint = {} THEN {} ELSE 0 END AS flushed "
        "FROM (SELECT standby, clients, (CASE WHEN standby THEN "
        "greatest(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn()) "
        "WHEN clients IS NULL THEN pg_catalog.pg_current_wal_flush_lsn() "
        "ELSE pg_catalog.pg_current_wal_insert_lsn() END - '0/0')::bigint AS at FROM (SELECT "
        "pg_catalog.pg_is_in_recovery() AS standby, "
        "CASE WHEN pg_catalog.current_setting('synchronous_standby_names') = {} THEN "
        "(SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity WHERE {}) END AS clients OFFSET 0) "
        "asked OFFSET 0) placed), ",
        kLongHeader, kLongHeader, kShortHeader, kShortHeader, pg::quote_literal(kStoppedSync),
        client_sessions());
}
constexpr std::string_view kLine =
    "line AS MATERIALIZED (SELECT standby, clients, "
    "CASE WHEN NOT standby THEN ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name("
    "pg_catalog.pg_current_wal_lsn()), 1, 8))::bit(32)::int ELSE "
    "greatest(coalesce((SELECT received_tli FROM pg_catalog.pg_stat_wal_receiver), "
    "(SELECT max(('x' || pg_catalog.substr(name, 1, 8))::bit(32)::int) FROM (SELECT name, "
    "('x' || pg_catalog.substr(name, 9))::bit(64)::bigint AS number FROM pg_catalog.pg_ls_waldir() "
    "WHERE name ~ '^[0-9A-F]{24}$' OFFSET 0) file WHERE (number >> 32 << 32) + (number & 4294967295) "
    "* pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size')) <= flushed)), "
    "(SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()), "
    "(SELECT min_recovery_end_timeline FROM pg_catalog.pg_control_recovery())) END AS timeline, flushed FROM "
    "mode) "
    "SELECT pg_catalog.json_build_object('standby', standby, 'timeline', timeline, 'clients', "
    "coalesce(clients, 0), 'history', ";
constexpr std::string_view kHistory =
    "pg_catalog.pg_read_file('pg_wal/' || pg_catalog.lpad(pg_catalog.upper(pg_catalog.to_hex(timeline)), 8, "
    "'0') || '.history', 0, 1000000, true)";
constexpr std::string_view kEnd =
    ", 'flushed', coalesce(flushed, 0), "
    "'replayed', coalesce(CASE WHEN standby THEN pg_catalog.pg_last_wal_replay_lsn() - '0/0' END, 0), "
    "'final', NOT standby OR pg_catalog.pg_last_wal_receive_lsn() IS NOT NULL OR EXISTS (SELECT FROM "
    "pg_catalog.pg_stat_activity WHERE backend_type = 'startup' AND wait_event IN "
    "('RecoveryRetrieveRetryInterval', 'RecoveryWalStream')), "
    "'receiver', EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE backend_type = 'walreceiver'), "
    "'receiving', EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver), "
    "'conninfo', pg_catalog.current_setting('primary_conninfo'), "
    "'slot', pg_catalog.current_setting('primary_slot_name'), "
    "'sync', pg_catalog.current_setting('synchronous_standby_names'), "
    "'followers', coalesce(CASE WHEN NOT standby THEN (SELECT pg_catalog.json_agg("
    "pg_catalog.json_build_object('name', application_name, 'state', state, 'flushed', "
    "coalesce(flush_lsn - '0/0', 0))) FROM pg_catalog.pg_stat_replication) END, '[]'::json))::text FROM line";

template <typename Number>
std::optional<Number> take_number(std::string_view& text, int base) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return value;
}

std::optional<decide::Ancestor> read_line(std::string_view line) {
    const auto timeline = take_number<std::uint32_t>(line, 10);
    if (!timeline || line.find_first_not_of(" \t") == std::string_view::npos) return std::nullopt;
    line.remove_prefix(line.find_first_not_of(" \t"));
    const auto high = take_number<std::uint32_t>(line, 16);
    if (!high || !line.starts_with('/')) return std::nullopt;
    line.remove_prefix(1);
    const auto low = take_number<std::uint32_t>(line, 16);
    if (!low) return std::nullopt;
    return decide::Ancestor{*timeline, Lsn(std::uint64_t{*high} << 32 | *low)};
}

Lsn lsn(const Json& value) {
    return Lsn(value.get<std::uint64_t>());
}

std::string text(const Json& object, const char* key) {
    const Json& value = object.at(key);
    return value.is_null() ? std::string() : value.get<std::string>();
}

NodeFacts facts_of(const Json& row) {
    NodeFacts facts;
    facts.is_standby = row.at("standby").get<bool>();
    facts.lineage = {row.at("timeline").get<std::uint32_t>(), read_history(text(row, "history"))};
    facts.flushed = lsn(row.at("flushed"));
    facts.replayed = lsn(row.at("replayed"));
    facts.is_final = row.at("final").get<bool>();
    facts.has_receiver = row.at("receiver").get<bool>();
    facts.is_receiving = row.at("receiving").get<bool>();
    facts.primary_conninfo = text(row, "conninfo");
    facts.slot = text(row, "slot");
    facts.sync_names = text(row, "sync");
    facts.clients = row.at("clients").get<std::uint32_t>();
    for (const Json& follower : row.at("followers"))
        facts.followers.push_back({.name = text(follower, "name"),
                                   .is_streaming = text(follower, "state") == "streaming",
                                   .flushed = lsn(follower.at("flushed"))});
    return facts;
}

}  // namespace

std::string facts_query(FactsDepth depth) {
    std::string sql = begin() + std::string(kLine);
    sql += depth == FactsDepth::Full ? kHistory : "NULL::text";
    return sql += kEnd;
}

Result<NodeFacts> read_facts(std::string_view json) {
    try {
        return facts_of(Json::parse(json));
    } catch (const Json::exception& error) {
        return fail(sqlstate::kProtocolViolation,
                    fmt::format("the probe was answered with something else than its row: {}", error.what()));
    }
}

std::vector<decide::Ancestor> read_history(std::string_view file) {
    std::vector<decide::Ancestor> ancestors;
    while (!file.empty()) {
        const std::size_t end = std::min(file.find('\n'), file.size());
        if (const auto ancestor = read_line(file.substr(0, end))) ancestors.push_back(*ancestor);
        file.remove_prefix(std::min(end + 1, file.size()));
    }
    return ancestors;
}

}  // namespace pgpool::nodes
