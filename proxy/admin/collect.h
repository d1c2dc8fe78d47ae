// SPDX-License-Identifier: PostgreSQL
#pragma once

// Reads a worker's own clients, server connections and pools. Threads: on that worker's thread.

#include "proxy/admin/reports.h"
#include "proxy/session/worker.h"

namespace pgpool::admin {

[[nodiscard]] Reports collect(const session::Worker& worker, Wanted wanted);

[[nodiscard]] Context context_of(const session::Worker& worker, const session::ClientConnection& asker);

}  // namespace pgpool::admin
