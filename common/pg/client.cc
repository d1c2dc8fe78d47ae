// SPDX-License-Identifier: PostgreSQL
#include "common/pg/client.h"

#include <fmt/core.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/net/socket.h"
#include "common/pg/connect_error.h"
#include "common/pg/libpq.h"
#include "common/pg/resolve.h"
#include "common/pg/silence.h"

namespace pgpool::pg {

namespace {

using cluster::Reach;

constexpr milliseconds kStopSlice{20};

ClientError stopped() {
    return {Reach::Timeout, sqlstate::kAdminShutdown, "stopped"};
}

// Waits in slices, so that *stop is honoured, and silence is seen.
std::optional<ClientError> wait_for(int fd, short events, TimePoint deadline, milliseconds silence,
                                    const std::atomic<bool>* stop, std::string_view doing) {
    const TimePoint begun = SteadyClock::now();
    for (;;) {
        if (stop != nullptr && stop->load(std::memory_order_relaxed)) return stopped();
        const TimePoint now = SteadyClock::now();
        if (silence > milliseconds(0) && now - begun >= silence && is_unacknowledged(fd)) {
            return ClientError{Reach::Unreachable, sqlstate::kConnectionFailure,
                               fmt::format("{}: the host gives no sign", doing)};
        }
        const auto left = std::chrono::ceil<milliseconds>(deadline - now);
        if (left <= milliseconds(0)) {
            return ClientError{Reach::Timeout, sqlstate::kConnectionFailure,
                               fmt::format("{}: no answer in time", doing)};
        }
        pollfd watched{fd, events, 0};
        const int ready = ::poll(&watched, 1, static_cast<int>(std::min(left, kStopSlice).count()));
        if (ready > 0) return std::nullopt;
        if (ready < 0 && errno != EINTR) {
            return ClientError{Reach::Unreachable, sqlstate::kSystemError,
                               fail_errno("poll", errno).value().message};
        }
    }
}

}  // namespace

void ConnectionDeleter::operator()(PGconn* connection) const {
    net::drop_unacknowledged(::PQsocket(connection));
    ::PQfinish(connection);
}

ClientResult<Client> Client::connect(const ConnectParams& params, TimePoint deadline,
                                     const std::atomic<bool>* stop) {
    std::vector<std::string> addresses = params.addresses;
    if (addresses.empty()) {
        Result<std::vector<std::string>> resolved = resolve(params.host, deadline, stop);
        if (!resolved) {
            return tl::unexpected(
                ClientError{Reach::Unresolved, resolved.error().sqlstate, resolved.error().message});
        }
        addresses = std::move(*resolved);
    }
    ClientResult<Client> outcome = tl::unexpected(ClientError{Reach::Unresolved, sqlstate::kCannotConnect,
                                                              fmt::format("{} has no address", params.host)});
    for (const std::string& address : addresses) {
        outcome = connect_to(params, address, deadline, stop);
        if (outcome) return outcome;
        // The server spoke: another address of the same name would say the same.
        const Reach reach = outcome.error().reach;
        if (reach != Reach::Refused && reach != Reach::Unreachable) return outcome;
    }
    return outcome;
}

ClientResult<Client> Client::connect_to(const ConnectParams& params, const std::string& address,
                                        TimePoint deadline, const std::atomic<bool>* stop) {
    Client client(start_connection(params, address, HomeFiles::Read), params.silence, stop);
    PGconn* connection = client.connection_.get();
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    while (::PQstatus(connection) != CONNECTION_BAD && next != PGRES_POLLING_OK &&
           next != PGRES_POLLING_FAILED) {
        const short events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        if (auto error = client.wait_io(events, deadline, "connect"))
            return tl::unexpected(std::move(*error));
        next = ::PQconnectPoll(connection);
    }
    if (next != PGRES_POLLING_OK) {
        ConnectFailure failure = classify_connect_failure(::PQerrorMessage(connection));
        return tl::unexpected(ClientError{failure.reach, failure.sqlstate, std::move(failure.message)});
    }
    ::PQsetnonblocking(connection, 1);
    return client;
}

std::optional<ClientError> Client::wait_io(short events, TimePoint deadline, std::string_view doing) {
    auto error = wait_for(socket(), events, deadline, silence_, stop_, doing);
    // Whatever the server still sends would answer the wrong question: never use it again.
    if (error) connection_.reset();
    return error;
}

ClientError Client::lost() {
    const std::string_view message = connection_ ? ::PQerrorMessage(connection_.get()) : "connection closed";
    ClientError error{Reach::Unreachable, sqlstate::kConnectionFailure,
                      std::string(message.substr(0, message.find('\n')))};
    connection_.reset();
    return error;
}

ClientResult<Rows> Client::query(std::string_view sql, std::span<const Parameter> parameters,
                                 TimePoint deadline) {
    if (!usable()) return tl::unexpected(lost());
    std::vector<const char*> values;
    values.reserve(parameters.size());
    for (const Parameter& parameter : parameters) values.push_back(parameter ? parameter->c_str() : nullptr);
    const std::string text(sql);
    if (::PQsendQueryParams(connection_.get(), text.c_str(), static_cast<int>(values.size()), nullptr,
                            values.data(), nullptr, nullptr, 0) == 0) {
        return tl::unexpected(lost());
    }
    return exchange(deadline);
}

ClientResult<Rows> Client::execute(std::string_view sql, std::span<const std::uint32_t> types,
                                   std::span<const TypedParameter> parameters, TimePoint deadline) {
    if (!usable()) return tl::unexpected(lost());
    std::vector<std::string> texts;  // text values end with a zero byte
    std::vector<const char*> values;
    std::vector<int> lengths;
    std::vector<int> formats;
    std::vector<Oid> oids(types.begin(), types.end());
    oids.resize(parameters.size());
    texts.reserve(parameters.size());
    for (const TypedParameter& parameter : parameters) {
        texts.emplace_back(parameter.value.value_or(std::string_view()));
        values.push_back(parameter.value ? texts.back().c_str() : nullptr);
        lengths.push_back(static_cast<int>(texts.back().size()));
        formats.push_back(parameter.is_binary ? 1 : 0);
    }
    const std::string text(sql);
    if (::PQsendQueryParams(connection_.get(), text.c_str(), static_cast<int>(values.size()), oids.data(),
                            values.data(), lengths.data(), formats.data(), 0) == 0) {
        return tl::unexpected(lost());
    }
    return exchange(deadline);
}

ClientResult<Rows> Client::run(std::string_view sql, TimePoint deadline) {
    if (!usable()) return tl::unexpected(lost());
    const std::string text(sql);
    if (::PQsendQuery(connection_.get(), text.c_str()) == 0) return tl::unexpected(lost());
    return exchange(deadline);
}

// COPY has no end unless somebody provides or takes the data, which nobody does here.
ClientError Client::refuse_copy() {
    connection_.reset();
    return {Reach::Query, sqlstate::kFeatureNotSupported, "COPY cannot be run here"};
}

std::optional<ClientError> Client::send_out(TimePoint deadline) {
    for (;;) {
        const int unsent = ::PQflush(connection_.get());
        if (unsent == 0) return std::nullopt;
        if (unsent < 0) return lost();
        // A server that itself waits to send would never read: take its input meanwhile.
        if (auto error = wait_io(POLLIN | POLLOUT, deadline, "query")) return error;
        if (::PQconsumeInput(connection_.get()) == 0) return lost();
    }
}

std::optional<ClientError> Client::await_result(TimePoint deadline) {
    while (::PQisBusy(connection_.get()) != 0) {
        if (auto error = wait_io(POLLIN, deadline, "query")) return error;
        if (::PQconsumeInput(connection_.get()) == 0) return lost();
    }
    return std::nullopt;
}

// Up to ReadyForQuery; the last result counts.
ClientResult<Rows> Client::exchange(TimePoint deadline) {
    if (auto error = send_out(deadline)) return tl::unexpected(std::move(*error));
    ClientResult<Rows> outcome{};
    for (;;) {
        if (auto error = await_result(deadline)) return tl::unexpected(std::move(*error));
        const ResultHandle result(::PQgetResult(connection_.get()));
        if (result == nullptr) break;
        const ExecStatusType status = ::PQresultStatus(result.get());
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH)
            return tl::unexpected(refuse_copy());
        if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
            outcome = rows_of(result.get());
        } else {
            outcome = tl::unexpected(error_of(result.get()));
        }
    }
    if (::PQstatus(connection_.get()) == CONNECTION_BAD) connection_.reset();
    return outcome;
}

bool Client::check_idle() {
    while (usable()) {
        pollfd watched{socket(), POLLIN, 0};
        if (::poll(&watched, 1, 0) <= 0) return true;
        // A parting FATAL comes as input first; only reading on finds the end behind it.
        if (::PQconsumeInput(connection_.get()) == 0) break;
        static_cast<void>(::PQisBusy(connection_.get()));
    }
    connection_.reset();
    return false;
}

bool Client::usable() const {
    return connection_ != nullptr && ::PQstatus(connection_.get()) == CONNECTION_OK;
}

int Client::socket() const {
    return connection_ ? ::PQsocket(connection_.get()) : -1;
}

std::string_view Client::parameter(const char* name) const {
    const char* value = connection_ ? ::PQparameterStatus(connection_.get(), name) : nullptr;
    return value == nullptr ? std::string_view() : std::string_view(value);
}

}  // namespace pgpool::pg
