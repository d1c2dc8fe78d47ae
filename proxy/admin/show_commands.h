// SPDX-License-Identifier: PostgreSQL
#pragma once

// Our own commands: which there are, who may use them, and where their results come from. docs/show.md
// describes every one.
//
// Threads: on the thread of the worker that is given.

#include "proxy/session/client_connection.h"
#include "proxy/session/worker.h"

namespace pgpool::admin {

// The result, or the promise of one: what other workers know has to be asked for.
[[nodiscard]] session::OwnOutcome run_own_command(session::Worker& worker,
                                                  const session::ClientConnection& asker,
                                                  const sql::Statement& statement, exec::Run run);

}  // namespace pgpool::admin
