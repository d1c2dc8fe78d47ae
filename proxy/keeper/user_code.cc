// SPDX-License-Identifier: PostgreSQL
#include "proxy/keeper/user_code.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <array>
#include <charconv>
#include <utility>

#include "common/markers/setup.h"
#include "proxy/sql/settings.h"

namespace pgpool::keeper {

namespace {

using pg::Client;
using pg::ClientError;
using pg::ClientResult;

constexpr std::uint32_t kFirstOfUsers = 16384;  // type, see PostgreSQL's access/transam.h
constexpr int kMostRounds = 5;                  // of constraint triggers that leave others behind
constexpr std::string_view kStatement = "pgpool_redo";
constexpr std::string_view kTypesOf =
    "SELECT pg_catalog.format_type(u.t::pg_catalog.oid, -1) FROM pg_catalog.pg_prepared_statements AS p "
    "CROSS JOIN LATERAL pg_catalog.unnest(p.parameter_types) WITH ORDINALITY AS u(t, n) "
    "WHERE p.name OPERATOR(pg_catalog.=) 'pgpool_redo' ORDER BY u.n";
constexpr std::string_view kTypeName = "SELECT pg_catalog.format_type($1::pg_catalog.oid, -1)";
constexpr std::string_view kCalls =
    "SELECT pg_catalog.string_agg(pg_catalog.concat_ws(':', funcid, calls), ',' ORDER BY funcid) "
    "FROM pg_catalog.pg_stat_xact_user_functions WHERE funcid OPERATOR(pg_catalog.<>) $1::pg_catalog.oid";
constexpr std::string_view kNumberOf =
    "SELECT pg_catalog.to_regprocedure($1)::pg_catalog.oid::pg_catalog.text";

ClientError cannot(std::string message) {
    return {cluster::Reach::Query, sqlstate::kInternalError, std::move(message)};
}

// By dollars: in some encodings of clients a byte of a character looks like a quote or a backslash.
std::string dollar_quoted(std::string_view text) {
    std::string tag = "$q$";
    for (int i = 0; text.find(tag.substr(0, tag.size() - 1)) != std::string_view::npos; ++i)
        tag = fmt::format("$q{}$", i);
    return fmt::format("{0}{1}{0}", tag, text);
}

}  // namespace

UserCode::UserCode(Client& client, const std::string& user, TimePoint deadline)
    : client_(client), user_(sql::in_quotes(user)), deadline_(deadline) {}

ClientResult<void> UserCode::own(std::string_view sql) {
    const auto done = client_.run(sql, deadline_);
    return done ? ClientResult<void>() : tl::unexpected(done.error());
}

// A function of the user that runs this; its call as SQL.
ClientResult<std::string> UserCode::make(std::string_view sql, std::string_view expressions) {
    const std::string call = fmt::format("pg_temp.pgpool_redo_{}()", made_++);
    const std::string body = fmt::format(
        "DECLARE changed pg_catalog.int8; BEGIN EXECUTE {}{}; "
        "GET DIAGNOSTICS changed = ROW_COUNT; RETURN changed; END",
        dollar_quoted(sql), expressions);
    ClientResult<void> done =
        own(fmt::format("CREATE FUNCTION {} RETURNS pg_catalog.int8 LANGUAGE plpgsql SECURITY DEFINER AS {}",
                        call, dollar_quoted(body)));
    if (done) done = own(fmt::format("ALTER FUNCTION {} OWNER TO {}", call, user_));
    if (!done) return tl::unexpected(done.error());
    return call;
}

ClientResult<std::int64_t> UserCode::call(const std::string& function) {
    if (auto done = own("SET LOCAL SESSION AUTHORIZATION " + user_); !done)
        return tl::unexpected(done.error());
    const auto rows = client_.run("SELECT " + function, deadline_);
    if (!rows) return tl::unexpected(rows.error());
    if (auto done = own("RESET SESSION AUTHORIZATION"); !done) return tl::unexpected(done.error());
    std::int64_t changed = 0;
    const std::string_view told = rows->text(0, 0);
    std::from_chars(told.data(), told.data() + told.size(), changed);
    return changed;
}

// Without triggers of users. The user cannot do so by itself, nor go on with it.
ClientResult<std::int64_t> UserCode::call_quietly(const std::string& function) {
    if (auto done = own("SET LOCAL session_replication_role = replica"); !done)
        return tl::unexpected(done.error());
    auto changed = call(function);
    if (!changed) return changed;
    if (auto done = own("SET LOCAL session_replication_role = origin"); !done)
        return tl::unexpected(done.error());
    return changed;
}

ClientResult<std::int64_t> UserCode::execute(std::string_view sql, std::string_view expressions) {
    const auto function = make(sql, expressions);
    return function ? call(*function) : tl::unexpected(function.error());
}

ClientResult<void> UserCode::run(std::string_view sql) {
    const auto done = execute(sql, {});
    return done ? ClientResult<void>() : tl::unexpected(done.error());
}

ClientResult<std::int64_t> UserCode::run(const markers::RedoStatement& statement) {
    if (markers::needs_token(statement.sql)) return run_own(statement);
    if (statement.parameters.empty()) return execute(statement.sql, {});
    const auto types = types_of(statement);
    if (!types) return tl::unexpected(types.error());
    std::vector<std::string> values;
    for (std::size_t i = 0; i < statement.parameters.size(); ++i) {
        const bool is_given = i < statement.types.size() && statement.types[i] != 0;
        const auto type =
            is_given ? ClientResult<std::uint32_t>(statement.types[i]) : number_of(types->at(i));
        if (!type) return tl::unexpected(type.error());
        const auto value = as_text(statement.parameters[i], *type);
        if (!value) return tl::unexpected(value.error());
        values.push_back(fmt::format("{}::{}", *value, types->at(i)));
    }
    const auto function = make(statement.sql, fmt::format(" USING {}", fmt::join(values, ", ")));
    if (!function) return tl::unexpected(function.error());
    return statement.is_quiet ? call_quietly(*function) : call(*function);
}

// The token is not for the user's code, and is another by now.
ClientResult<std::int64_t> UserCode::run_own(const markers::RedoStatement& statement) {
    std::vector<Client::Parameter> values;
    for (const markers::RedoParameter& parameter : statement.parameters) values.push_back(parameter.value);
    const auto rows = client_.query(statement.sql, values, deadline_);
    return rows ? ClientResult<std::int64_t>(static_cast<std::int64_t>(rows->size()))
                : tl::unexpected(rows.error());
}

// As the server infers them.
ClientResult<std::vector<std::string>> UserCode::types_of(const markers::RedoStatement& statement) {
    std::vector<std::string> given;
    for (std::size_t i = 0; i < statement.parameters.size(); ++i) {
        auto type = given_type(i < statement.types.size() ? statement.types[i] : 0);
        if (!type) return tl::unexpected(type.error());
        given.push_back(std::move(*type));
    }
    const std::string prepare =
        fmt::format("PREPARE {}({}) AS {}", kStatement, fmt::join(given, ", "), statement.sql);
    if (auto done = run(prepare); !done) return tl::unexpected(done.error());
    const auto rows = client_.query(kTypesOf, {}, deadline_);
    if (!rows) return tl::unexpected(rows.error());
    std::vector<std::string> types;
    for (std::size_t row = 0; row < rows->size(); ++row) types.emplace_back(rows->text(row, 0));
    if (types.size() != given.size()) return tl::unexpected(cannot("its redo has parameters of no type"));
    if (auto done = own(fmt::format("DEALLOCATE {}", kStatement)); !done) return tl::unexpected(done.error());
    return types;
}

ClientResult<std::string> UserCode::given_type(std::uint32_t oid) {
    if (oid == 0) return std::string("unknown");
    return ask(kTypeName, std::to_string(oid));
}

// Of a type that the server has inferred.
ClientResult<std::uint32_t> UserCode::number_of(const std::string& type) {
    const auto oid = ask("SELECT $1::pg_catalog.regtype::pg_catalog.oid", type);
    if (!oid) return tl::unexpected(oid.error());
    std::uint32_t number = 0;
    std::from_chars(oid->data(), oid->data() + oid->size(), number);
    return number;
}

// A type of a user may run code when a value is read; by text that happens where the statement runs.
ClientResult<std::string> UserCode::as_text(const markers::RedoParameter& parameter, std::uint32_t type) {
    if (!parameter.value) return std::string("NULL");
    if (!parameter.is_binary) return dollar_quoted(*parameter.value);
    if (type == 0 || type >= kFirstOfUsers)
        return tl::unexpected(cannot("its redo has a value in binary form of a type that is not known"));
    const std::array<std::uint32_t, 1> types{type};
    const std::array<Client::TypedParameter, 1> values{{{*parameter.value, true}}};
    const auto text = client_.execute("SELECT $1", types, values, deadline_);
    if (!text) return tl::unexpected(text.error());
    return dollar_quoted(text->text(0, 0));
}

ClientResult<std::string> UserCode::ask(std::string_view sql, std::string_view parameter) {
    const std::array<Client::Parameter, 1> parameters{std::string(parameter)};
    const auto rows = client_.query(sql, parameters, deadline_);
    if (!rows) return tl::unexpected(rows.error());
    return std::string(rows->text(0, 0));
}

// False: functions were called, of triggers, which may have left events for other triggers behind.
ClientResult<bool> UserCode::check_constraints() {
    const auto function = make("SET CONSTRAINTS ALL IMMEDIATE", {});
    if (!function) return tl::unexpected(function.error());
    const auto number = ask(kNumberOf, *function);  // by its name it could be taken for another later
    if (!number) return tl::unexpected(number.error());
    const auto before = ask(kCalls, *number);
    if (!before) return tl::unexpected(before.error());
    if (auto called = call(*function); !called) return tl::unexpected(called.error());
    const auto after = ask(kCalls, *number);
    if (!after) return tl::unexpected(after.error());
    return *before == *after;
}

ClientResult<void> UserCode::end() {
    if (auto counted = own("SET LOCAL track_functions = 'all'"); !counted) return counted;
    for (int round = 0; round < kMostRounds; ++round) {
        const auto is_done = check_constraints();
        if (!is_done) return tl::unexpected(is_done.error());
        if (*is_done) return own("CLOSE ALL");
    }
    return tl::unexpected(cannot("its constraint triggers leave others behind without end"));
}

}  // namespace pgpool::keeper
