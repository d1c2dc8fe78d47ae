// SPDX-License-Identifier: PostgreSQL
#include "ctl/verify/fleet.h"

#include <fmt/core.h>

#include <thread>

#include "ctl/node_access.h"
#include "ctl/verify/schema_sql.h"

namespace pgpool::ctl::verify {

namespace {

constexpr seconds kSettingsTime{30};
constexpr std::chrono::hours kQueryTime{
    24};  // a table without key is read in one piece; a dead host is noticed
constexpr int kRepeats = 5;
constexpr milliseconds kRepeatPause{200};

// On a standby replay cancels what is in its way; a deadlock may hit anybody.
bool may_pass(const pg::ClientError& error) {
    return error.sqlstate == sqlstate::kSerializationFailure || error.sqlstate.view() == "40P01";
}

}  // namespace

bool Refusal::is_of_change() const {
    const std::string_view state = error.sqlstate.view();
    // undefined: table, column, schema, object, type or function
    return state == "42P01" || state == "42703" || state == "3F000" || state == "42704" || state == "42883" ||
           state == "55000";
}

Failure Refusal::failure(const config::Config& config) const {
    Failure failure{ExitCode::Unreachable, fmt::format("node {}: {}", node, error.message), ""};
    if (error.sqlstate.view() == "42501") {
        failure.hint = fmt::format(
            "verify reads everything as health.user: GRANT pg_read_all_data TO {}, and BYPASSRLS "
            "where there is row security",
            config.health.user);
    }
    return failure;
}

Answer<Fleet::Member> Fleet::open(const config::Config& config, const config::Node& node,
                                  const std::string& database) {
    auto client = connect_node(config, node, database);
    if (!client) return tl::unexpected(Refusal{node.name, client.error()});
    const auto done = client->run(std::string(session_settings()), SteadyClock::now() + kSettingsTime);
    if (!done) return tl::unexpected(Refusal{node.name, done.error()});
    return Member{node.name, std::move(*client)};
}

Answer<Fleet> Fleet::connect(const config::Config& config, const std::vector<config::Node>& nodes,
                             const std::string& database) {
    auto opened =
        at_the_same_time(nodes, [&](const config::Node& node) { return open(config, node, database); });
    Fleet fleet;
    for (auto& member : opened) {
        if (!member) return tl::unexpected(std::move(member.error()));
        fleet.names_.push_back(member->name);
        fleet.members_.push_back(std::move(*member));
    }
    return fleet;
}

Answer<pg::Rows> Fleet::ask(Member& member, const Statement& statement) {
    for (int repeat = 0;; ++repeat) {
        auto rows = member.client.query(statement.sql, statement.parameters, SteadyClock::now() + kQueryTime);
        if (rows) return std::move(*rows);
        if (!may_pass(rows.error()) || repeat == kRepeats)
            return tl::unexpected(Refusal{member.name, std::move(rows.error())});
        std::this_thread::sleep_for(kRepeatPause);
    }
}

Answer<pg::Rows> Fleet::ask_one(std::size_t node, const Statement& statement) {
    return ask(members_[node], statement);
}

Answer<std::vector<pg::Rows>> Fleet::ask(const Statement& statement) {
    auto answers = at_the_same_time(members_, [&](Member& member) { return ask(member, statement); });
    std::vector<pg::Rows> rows;
    for (auto& answer : answers) {
        if (!answer) return tl::unexpected(std::move(answer.error()));
        rows.push_back(std::move(*answer));
    }
    return rows;
}

}  // namespace pgpool::ctl::verify
