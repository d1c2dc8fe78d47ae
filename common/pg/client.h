// SPDX-License-Identifier: PostgreSQL
#pragma once

// Client: one libpq connection for the control plane (probes, catalogs, auth_query, markers); never for the
// data path.
//
// Every operation ends by its deadline or, within 20 ms, when *stop becomes true; nothing here blocks longer.
// A failure says of what class it is (cluster::Reach). Once a deadline passed or the connection broke the
// object is of no more use: usable() is false; make a new one. Nothing is reconnected silently.
// Threads: one at a time.

#include <libpq-fe.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/cluster/topology.h"
#include "common/pg/rows.h"
#include "common/pg/session_settings.h"

namespace pgpool::pg {

struct ConnectParams {
    std::string host;  // a name, an address, or the directory of a UNIX socket (begins with '/')
    std::uint16_t port = 5432;
    std::vector<std::string> addresses;  // numeric; empty: `host` is resolved first
    std::string user;
    std::string password;  // empty: none
    std::string database;
    std::string application_name;
    SessionSettings settings = SessionSettings::Fixed;
    // A host whose kernel acknowledges nothing for so long is Unreachable, before the deadline; 0: the
    // deadline alone counts, and it is a Timeout.
    milliseconds silence{0};
};

struct ClientError {
    cluster::Reach reach = cluster::Reach::Unreachable;
    SqlState sqlstate = sqlstate::kConnectionFailure;
    std::string message;

    [[nodiscard]] Error error() const { return Error{message, sqlstate}; }
};

template <typename T>
using ClientResult = tl::expected<T, ClientError>;

// What was given up does not reach the server late (net::drop_unacknowledged).
struct ConnectionDeleter {
    void operator()(PGconn* connection) const;
};
using ConnectionHandle = std::unique_ptr<PGconn, ConnectionDeleter>;

class Client {
public:
    using Parameter = std::optional<std::string>;

    // `stop` may be null; otherwise it outlives the Client.
    [[nodiscard]] static ClientResult<Client> connect(const ConnectParams& params, TimePoint deadline,
                                                      const std::atomic<bool>* stop);

    // One statement with parameters in text form. A server error leaves the connection usable.
    [[nodiscard]] ClientResult<Rows> query(std::string_view sql, std::span<const Parameter> parameters,
                                           TimePoint deadline);

    // The same with parameters of given types (0 or missing: the server infers it) in text or binary form.
    struct TypedParameter {
        std::optional<std::string_view> value;  // none: NULL
        bool is_binary = false;
    };
    [[nodiscard]] ClientResult<Rows> execute(std::string_view sql, std::span<const std::uint32_t> types,
                                             std::span<const TypedParameter> parameters, TimePoint deadline);

    // Text as a simple Query, one statement or several; the rows of the last one, or the first error.
    [[nodiscard]] ClientResult<Rows> run(std::string_view sql, TimePoint deadline);

    // Reads what an idle connection received; false: the server closed it. Never waits.
    [[nodiscard]] bool check_idle();

    [[nodiscard]] bool usable() const;
    [[nodiscard]] int socket() const;  // to poll for input while idle; -1 when broken
    [[nodiscard]] std::string_view parameter(const char* name) const;  // ParameterStatus, empty if unknown

private:
    enum class Wait : std::uint8_t { Ready, Late, Stopped };

    Client(ConnectionHandle connection, milliseconds silence, const std::atomic<bool>* stop)
        : connection_(std::move(connection)), silence_(silence), stop_(stop) {}

    [[nodiscard]] static ClientResult<Client> connect_to(const ConnectParams& params,
                                                         const std::string& address, TimePoint deadline,
                                                         const std::atomic<bool>* stop);
    [[nodiscard]] ClientResult<Rows> exchange(TimePoint deadline);
    [[nodiscard]] std::optional<ClientError> send_out(TimePoint deadline);
    [[nodiscard]] std::optional<ClientError> await_result(TimePoint deadline);
    [[nodiscard]] std::optional<ClientError> wait_io(short events, TimePoint deadline,
                                                     std::string_view doing);
    [[nodiscard]] ClientError lost();
    [[nodiscard]] ClientError refuse_copy();

    ConnectionHandle connection_;
    milliseconds silence_;
    const std::atomic<bool>* stop_;
};

}  // namespace pgpool::pg
