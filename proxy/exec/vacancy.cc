// SPDX-License-Identifier: PostgreSQL
// Session: mode replication. DROP DATABASE and its kin, which PostgreSQL runs only while nobody else is
// connected. The connections that rest in the pools are nobody's: they are closed. A client that is connected
// here counts as one that is connected there, though it may hold no server connection at the moment.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "proxy/exec/session.h"
#include "proxy/sql/settings.h"

namespace pgpool::exec {

namespace {

using sql::DatabaseUse;

// As PostgreSQL, which waits that long for sessions that are about to end.
constexpr seconds kPatience{5};
constexpr milliseconds kLookAgain{100};

std::string error_of(const Vacancy& vacancy) {
    const DatabaseUse& use = vacancy.use();
    return fmt::format("{}database \"{}\" is being accessed by other users",
                       use.by == DatabaseUse::By::Create ? "source " : "", use.emptied);
}

// Why the caller may not end the sessions of these users by dropping the database: as PostgreSQL judges it.
// What could be the caller's own is qualified.
std::string force_query(const Vacancy& vacancy) {
    std::vector<std::string> users;
    for (const std::string& user : vacancy.users()) users.push_back(sql::quote_literal(user));
    return fmt::format(
        "SELECT CASE WHEN NOT pg_catalog.pg_has_role(d.datdba, 'USAGE') "
        "THEN pg_catalog.concat('must be owner of database ', d.datname) "
        "WHEN EXISTS (SELECT FROM pg_catalog.pg_roles r "
        "WHERE r.rolname OPERATOR(pg_catalog.=) ANY (ARRAY[{}]::pg_catalog.name[]) "
        "AND NOT pg_catalog.pg_has_role(r.oid, 'USAGE') "
        "AND (r.rolsuper OR NOT pg_catalog.pg_has_role('pg_signal_backend', 'USAGE'))) "
        "THEN 'permission denied to terminate process' ELSE '' END "
        "FROM pg_catalog.pg_database d WHERE d.datname OPERATOR(pg_catalog.=) {}::pg_catalog.name",
        fmt::join(users, ", "), sql::quote_literal(vacancy.use().emptied));
}

}  // namespace

// Main says so of the one that the session itself is in, but that may be copied.
bool Session::needs_vacant(const DatabaseUse& use) const {
    if (use.by == DatabaseUse::By::Nothing) return false;
    return use.by == DatabaseUse::By::Create || use.emptied != login_.database->name;
}

// Nothing: the databases that the request at the front needs without sessions are; else how many bytes were
// dealt with, 0 while that is awaited.
std::optional<std::size_t> Session::make_vacant(ByteView bytes) {
    Vacating& vacating = spread_->vacating;
    if (vacating.is_cancelled)
        return refuse_within(
            {.sqlstate = sqlstate::kQueryCanceled, .message = "canceling statement due to user request"},
            bytes);
    for (const DatabaseUse& use : request_.meaning.databases) {
        if (!needs_vacant(use)) continue;
        const auto known = std::find_if(vacating.held.begin(), vacating.held.end(),
                                        [&](const auto& vacancy) { return vacancy->use() == use; });
        if (known == vacating.held.end()) {
            vacating.held.push_back(effects_.vacate(use));
            vacating.since = around_.now;
            return await_vacancy();
        }
        if ((*known)->state() == Vacancy::State::Asked) return await_vacancy();
        if ((*known)->state() == Vacancy::State::InUse) return meet_sessions(**known, bytes);
        if ((*known)->state() == Vacancy::State::Leaving && is_vacancy_awaited()) return look_again(**known);
    }
    return std::nullopt;
}

bool Session::is_vacancy_awaited() const {
    return around_.now - spread_->vacating.since < kPatience;
}

std::size_t Session::look_again(Vacancy& vacancy) {
    if (around_.now >= spread_->vacating.look_at) {
        spread_->vacating.look_at = around_.now + kLookAgain;
        vacancy.look_again();
    }
    return await_vacancy();
}

std::size_t Session::await_vacancy() {
    wait_ = Wait::Vacancy;
    effects_.arm(TimerKind::Wait, kLookAgain);
    return 0;
}

void Session::vacancy_known() {
    if (wait_ != Wait::Vacancy) return;
    wait_ = Wait::Nothing;
    effects_.disarm(TimerKind::Wait);
}

void Session::cancel_vacancy() {
    spread_->vacating.is_cancelled = true;
    if (spread_->main_owes == 0) vacancy_known();
}

std::size_t Session::meet_sessions(Vacancy& vacancy, ByteView bytes) {
    if (vacancy.use().ends_sessions && spread_->vacating.force != Vacating::Force::Allowed)
        return ask_to_force(vacancy, bytes);
    if (is_vacancy_awaited()) return look_again(vacancy);
    const std::string message = error_of(vacancy);
    return refuse_within(
        {.sqlstate = SqlState("55006"), .message = message, .detail = "Sessions are using the database."},
        bytes);
}

// Only who may do both ends sessions by it.
std::size_t Session::ask_to_force(Vacancy& vacancy, ByteView bytes) {
    Spread& spread = *spread_;
    if (spread.vacating.force == Vacating::Force::Unknown) {
        spread.vacating.force = Vacating::Force::Asked;
        ++spread.main_owes;
        send_own_query(force_query(vacancy), Purpose::Position);
    }
    if (spread.main_owes > 0) return await_vacancy();
    const auto obstacles = std::exchange(spread.positions, {});
    const std::string obstacle =
        obstacles.empty() ? "it cannot be told who may end the sessions" : obstacles[0];
    if (!obstacle.empty()) return refuse_within({.sqlstate = SqlState("42501"), .message = obstacle}, bytes);
    spread.vacating.force = Vacating::Force::Allowed;
    spread.vacating.since = around_.now;
    vacancy.end_sessions();
    return await_vacancy();
}

}  // namespace pgpool::exec
