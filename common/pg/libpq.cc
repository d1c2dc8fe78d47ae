// SPDX-License-Identifier: PostgreSQL
#include "common/pg/libpq.h"

#include <array>
#include <new>
#include <utility>

#include "common/pg/connect_error.h"

namespace pgpool::pg {

namespace {

// Of a file that is named and not there libpq asks the kernel once, and goes on without it. With an empty
// name it would take the one in the home folder.
constexpr const char* kNoFile = "/nonexistent";

void ignore_notice(void* /*context*/, const PGresult* /*notice*/) {}

}  // namespace

Rows rows_of(const PGresult* result) {
    const int columns = ::PQnfields(result);
    const int rows = ::PQntuples(result);
    std::vector<Rows::Cell> cells;
    cells.reserve(static_cast<std::size_t>(columns) * static_cast<std::size_t>(rows));
    for (int row = 0; row < rows; ++row) {
        for (int column = 0; column < columns; ++column) {
            if (::PQgetisnull(result, row, column) != 0) {
                cells.emplace_back();
            } else {
                cells.emplace_back(std::in_place, ::PQgetvalue(result, row, column),
                                   static_cast<std::size_t>(::PQgetlength(result, row, column)));
            }
        }
    }
    std::vector<Rows::Column> header;
    header.reserve(static_cast<std::size_t>(columns));
    for (int column = 0; column < columns; ++column)
        header.push_back({::PQfname(result, column), ::PQftype(result, column)});
    return {std::move(header), std::move(cells)};
}

ClientError error_of(const PGresult* result) {
    const char* code = ::PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char* text = ::PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    // Without a code libpq itself gave up: the connection is gone.
    if (code == nullptr) {
        const std::string_view message = ::PQresultErrorMessage(result);
        return {cluster::Reach::Unreachable, sqlstate::kConnectionFailure,
                std::string(message.substr(0, message.find('\n')))};
    }
    const SqlState state{code};
    return {reach_of(state), state, text == nullptr ? "" : text};
}

ConnectionHandle start_connection(const ConnectParams& params, const std::string& address, HomeFiles files) {
    const bool has_files = files == HomeFiles::Read;
    const char* file = has_files ? nullptr : kNoFile;
    const bool is_socket = params.host.starts_with('/');
    const std::string port = std::to_string(params.port);
    const std::string settings = startup_options(params.settings);
    const std::array<std::pair<const char*, const char*>, 20> options{{
        {"host", params.host.c_str()},
        {"hostaddr", is_socket ? nullptr : address.c_str()},
        {"port", port.c_str()},
        {"user", params.user.c_str()},
        {"password", params.password.empty() ? nullptr : params.password.c_str()},
        {"dbname", params.database.c_str()},
        {"application_name", params.application_name.c_str()},
        {"client_encoding", "UTF8"},
        // Neither a ticket cache nor a service file of whoever started us may have a say.
        {"gssencmode", "disable"},
        {"options", settings.c_str()},
        {"target_session_attrs", "any"},
        {"keepalives_idle", "5"},
        {"tcp_user_timeout", "5000"},
        {"passfile", file},
        {"sslmode", has_files ? nullptr : "prefer"},
        {"sslrootcert", file},
        {"sslcert", file},
        {"sslkey", file},
        {"sslcrl", file},
        {"sslcrldir", file},
    }};
    std::array<const char*, options.size() + 1> keys{};
    std::array<const char*, options.size() + 1> values{};
    for (std::size_t i = 0; i < options.size(); ++i) {
        keys[i] = options[i].first;
        values[i] = options[i].second;
    }
    ConnectionHandle connection(::PQconnectStartParams(keys.data(), values.data(), 0));
    if (connection == nullptr) throw std::bad_alloc();
    ::PQsetNoticeReceiver(connection.get(), ignore_notice, nullptr);
    ::PQsetErrorVerbosity(connection.get(), PQERRORS_VERBOSE);
    return connection;
}

}  // namespace pgpool::pg
