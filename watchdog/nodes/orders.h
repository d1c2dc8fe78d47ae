// SPDX-License-Identifier: PostgreSQL
#pragma once

// What the decider's orders are at a node: commands for its lease session (watchdog/voters), one after the
// other. Each can be given twice. Pure.
//
// ALTER SYSTEM cannot be guarded by the server's clock and takes no effect by itself; the reload after it is
// guarded. A role that is no superuser needs: ALTER SYSTEM on primary_conninfo, synchronous_standby_names and
// default_transaction_read_only; EXECUTE on pg_promote and pg_reload_conf; pg_signal_backend.

#include <string>
#include <string_view>
#include <vector>

#include "watchdog/decide/sync_rule.h"
#include "watchdog/voters/command.h"

namespace pgpool::nodes {

using Commands = std::vector<voters::Command>;

// Changes nothing: whether orders reach the node.
[[nodiscard]] Commands prove();
// Of a standby: it follows nobody, and so confirms nothing.
[[nodiscard]] Commands cut_off();
[[nodiscard]] Commands follow(std::string_view conninfo);
// Does not wait for the end of recovery: the next probes tell.
[[nodiscard]] Commands promote();
// Of the primary.
[[nodiscard]] Commands set_sync(const decide::SyncRule& rule);
[[nodiscard]] Commands keep_slot(std::string_view name);  // a standby is to have this slot
// A primary that acknowledges no commit any more, also after a restart: it takes no writes, who goes round
// that waits for a standby that does not exist, and its clients' sessions are ended.
[[nodiscard]] Commands stop_writes();
// The last of that, again. Replication goes on, the standbys are to get the last of it; so do the sessions
// that watch the node.
[[nodiscard]] voters::Command end_clients();
[[nodiscard]] Commands take_writes(const decide::SyncRule& rule);  // takes that back

// synchronous_standby_names of a primary that was stopped so.
inline constexpr std::string_view kStoppedSync = "ANY 1 (\"no such standby\")";

// A condition on pg_stat_activity: sessions of clients, which stop_writes() ends.
[[nodiscard]] std::string client_sessions();

// A command as it may be logged: without the connection string, which may have a password.
[[nodiscard]] std::string told(const voters::Command& command);

// Of synchronous_standby_names: ANY 1 ("b", "c"); empty: commits wait for nobody.
[[nodiscard]] std::string sync_names(const decide::SyncRule& rule);

}  // namespace pgpool::nodes
