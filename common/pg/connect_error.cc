// SPDX-License-Identifier: PostgreSQL
#include "common/pg/connect_error.h"

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace pgpool::pg {

namespace {

using cluster::Reach;

bool is_sqlstate_character(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
}

// The "XXXXX" of "SEVERITY:  XXXXX: text".
std::optional<std::size_t> find_sqlstate(std::string_view text) {
    for (std::size_t at = text.find(":  "); at != std::string_view::npos; at = text.find(":  ", at + 1)) {
        const std::string_view code = text.substr(at + 3, 7);
        if (code.size() == 7 && code.ends_with(": ") &&
            std::ranges::all_of(code.substr(0, 5), is_sqlstate_character)) {
            return at + 3;
        }
    }
    return std::nullopt;
}

std::string_view first_line(std::string_view text) {
    return text.substr(0, text.find('\n'));
}

bool mentions(std::string_view text, int error_number) {
    return text.find(std::generic_category().message(error_number)) != std::string_view::npos;
}

Reach reach_of_system_error(std::string_view text) {
    // A socket file that is not there means that no postmaster listens, as a refused port does.
    if (mentions(text, ECONNREFUSED) || mentions(text, ENOENT)) return Reach::Refused;
    if (mentions(text, ETIMEDOUT)) return Reach::Timeout;
    // libpq itself: the server wants a password and there is none (no SQLSTATE in this case).
    if (text.find("no password supplied") != std::string_view::npos) return Reach::Auth;
    return Reach::Unreachable;
}

}  // namespace

Reach reach_of(const SqlState& state) {
    if (state.view().starts_with("28")) return Reach::Auth;
    if (state == sqlstate::kCannotConnectNow || state == sqlstate::kAdminShutdown) return Reach::Startup;
    if (state.view() == "57P02") return Reach::Startup;  // crash_shutdown
    return Reach::Query;
}

ConnectFailure classify_connect_failure(std::string_view libpq_message) {
    ConnectFailure failure;
    const std::optional<std::size_t> at = find_sqlstate(libpq_message);
    if (!at) {
        failure.reach = reach_of_system_error(libpq_message);
        failure.message = std::string(first_line(libpq_message));
        if (failure.reach == Reach::Auth) failure.sqlstate = sqlstate::kInvalidPassword;
        return failure;
    }
    failure.sqlstate = SqlState(libpq_message.substr(*at, 5));
    failure.reach = reach_of(failure.sqlstate);
    failure.message = std::string(first_line(libpq_message.substr(*at + 7)));
    return failure;
}

}  // namespace pgpool::pg
