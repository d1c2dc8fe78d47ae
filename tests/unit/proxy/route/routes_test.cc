// SPDX-License-Identifier: PostgreSQL

// routes.case: statement and circumstances -> verdict, what is left behind, plan. Lines that begin with ">"
// say in what circumstances: facts none, transaction, read-only, isolation serializable, bound primary, bound
// s1, must-see N, waited, scs off, encoding unsafe, user X, database X, application X, balance session,
// chosen s1, no-primary, down X, split off, primary-reads off.

#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "proxy/route/planner.h"
#include "proxy/sql/analyzer.h"
#include "tests/support/case_file.h"
#include "tests/unit/proxy/route/fixture.h"

namespace pgpool::route {
namespace {

constexpr std::uint64_t kMiddle = std::uint64_t{1} << 63U;  // of the weights of p, s1, s2: s1

struct World {
    sql::CatalogFacts facts = fixture::facts();
    bool has_facts = true;
    cluster::Topology topology = fixture::topology();
    config::Routing routing;
    SessionRoute session;
    sql::AnalyzeOptions options;
    std::string user;
    std::string database;
    std::string application;

    World() {
        routing.read_only_functions = {"trusted*", "app.audit"};
        routing.write_functions = {"price_of", "app.sync*"};
        routing.rules = {{"", "", "report", "s2"},
                         {"batch", "", "", "primary"},
                         {"", "archive", "", "standby"},
                         {"lazy", "", "", "idle"},
                         {"anywhere", "", "", "any"}};
    }

    Target target(const std::string& name) const {
        for (const auto& node : topology.nodes) {
            if (node.name == name) return Target::at(node.id);
        }
        return Target::primary();
    }

    void apply(const std::string& word, const std::string& value) {
        if (word == "facts") has_facts = value != "none";
        if (word == "transaction") session.in_transaction = true;
        if (word == "read-only") session.read_only = true;
        if (word == "isolation") session.isolation = sql::Isolation::Serializable;
        if (word == "bound") session.bound = target(value);
        if (word == "must-see") session.must_see = Lsn(std::stoull(value));
        if (word == "waited") session.waited = true;
        if (word == "primary-only") session.primary_only = true;
        if (word == "scs") options.standard_conforming_strings = false;
        if (word == "encoding") options.ascii_safe_encoding = false;
        if (word == "user") user = value;
        if (word == "database") database = value;
        if (word == "application") application = value;
        if (word == "balance") routing.balance = config::BalanceLevel::Session;
        if (word == "chosen") session.chosen = target(value);
        if (word == "no-primary") topology.primary.reset();
        if (word == "split") routing.read_write_split = false;
        if (word == "primary-reads") routing.primary_reads = false;
        if (word != "down") return;
        for (auto& node : topology.nodes) {
            if (node.name == value) node.state = cluster::NodeState::Down;
        }
    }
};

std::string flags(const Verdict& verdict) {
    std::string out;
    if (verdict.leaves != sql::Leaves::Nothing) out += " leaves=" + sql::to_string(verdict.leaves);
    if (verdict.clears != sql::Leaves::Nothing) out += " clears=" + sql::to_string(verdict.clears);
    if (verdict.is_ddl) out += " ddl";
    if (verdict.needs_facts) out += " needs-facts";
    if (verdict.uncertain) out += " uncertain";
    if (verdict.primary_only) out += " primary-only";
    return out;
}

std::string route(const std::string& input) {
    World world;
    std::string sql;
    std::istringstream lines(input);
    for (std::string line; std::getline(lines, line);) {
        if (line.substr(0, 2) == "> ") {
            std::istringstream words(line.substr(2));
            std::string word;
            std::string value;
            words >> word >> value;
            world.apply(word, value);
        } else {
            sql += (sql.empty() ? "" : "\n") + line;
        }
    }
    world.session.user = world.user;
    world.session.database = world.database;
    world.session.application_name = world.application;
    sql::Analyzer analyzer;
    const sql::StatementInfoPtr info = analyzer.analyze(sql, world.options);
    const Verdict verdict =
        classify(*info, world.has_facts ? &world.facts : nullptr, RoutingFunctions(world.routing));
    const ExecutionPlan result = plan(verdict, *info, world.session, world.topology, world.routing, kMiddle);
    return describe(verdict) + flags(verdict) + "\n" + describe(result, world.topology) + "\n";
}

TEST(Routes, AreAsInTheCaseFile) {
    EXPECT_GE(testing::run_cases(PGPOOL_SOURCE_DIR "/tests/unit/proxy/route/routes.case", route), 200U);
}

}  // namespace
}  // namespace pgpool::route
