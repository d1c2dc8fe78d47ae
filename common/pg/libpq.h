// SPDX-License-Identifier: PostgreSQL
#pragma once

// What everybody needs who drives a libpq connection: owners, the options that all our connections have, and
// results and errors as values. Client waits on it; who must not wait polls the connection itself.
// Threads: any, a connection one at a time.

#include <libpq-fe.h>

#include <cstdint>
#include <memory>
#include <string>

#include "common/pg/client.h"

namespace pgpool::pg {

struct ResultDeleter {
    void operator()(PGresult* result) const { ::PQclear(result); }
};
using ResultHandle = std::unique_ptr<PGresult, ResultDeleter>;

// Whether libpq may read what lies in the home folder, a password file and those of TLS: each connect opens
// them, and may stand still for it. Without them TLS is used where the server offers it, and nobody checks
// its certificate, as with libpq's own defaults.
enum class HomeFiles : std::uint8_t { Read, Ignored };

// Begins to connect to one numeric address, as PQconnectStart(3) does: PQconnectPoll goes on with it. Never
// null; it may be CONNECTION_BAD at once. Notices are dropped, errors are verbose (connect_error.h).
[[nodiscard]] ConnectionHandle start_connection(const ConnectParams& params, const std::string& address,
                                                HomeFiles files);

[[nodiscard]] Rows rows_of(const PGresult* result);
// REQUIRES: it is an error.
[[nodiscard]] ClientError error_of(const PGresult* result);

}  // namespace pgpool::pg
