// SPDX-License-Identifier: PostgreSQL
#include "proxy/route/planner.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <random>
#include <utility>

#include "proxy/route/explain.h"
#include "proxy/sql/analyzer.h"
#include "tests/unit/proxy/route/fixture.h"

namespace pgpool::route {
namespace {

Verdict read_verdict() {
    Verdict verdict;
    verdict.kind = Class::Read;
    verdict.reason = Reason::ReadsOnly;
    verdict.leaves = sql::Leaves::Nothing;
    verdict.retryable_read = true;
    return verdict;
}

struct Planner : ::testing::Test {
    cluster::Topology topology = fixture::topology();
    config::Routing routing;
    SessionRoute session;
    sql::StatementInfo info = *sql::Analyzer().analyze("select 1");
    Verdict verdict = read_verdict();

    ExecutionPlan plan_of(std::uint64_t random = 0) {
        return plan(verdict, info, session, topology, routing, random);
    }
    Forward forward_of(std::uint64_t random = 0) { return std::get<Forward>(plan_of(random)); }

    // How often each node is chosen; the primary counts as node 0.
    std::map<int, int> spread(int times = 30'000) {
        std::mt19937_64 random(1);
        std::map<int, int> counts;
        for (int i = 0; i < times; ++i) {
            const Target target = forward_of(random()).target;
            ++counts[target.is_primary() ? 0 : target.node.value];
        }
        return counts;
    }
};

TEST_F(Planner, SpreadsReadsByWeight) {
    topology.nodes[0].weight = 1;
    topology.nodes[1].weight = 2;
    topology.nodes[2].weight = 3;
    const auto counts = spread();
    EXPECT_NEAR(counts.at(0), 5'000, 300);
    EXPECT_NEAR(counts.at(1), 10'000, 400);
    EXPECT_NEAR(counts.at(2), 15'000, 400);
    EXPECT_FALSE(counts.contains(3));
}

TEST_F(Planner, EveryRandomNumberGivesANode) {
    for (const std::uint64_t random : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}}) {
        EXPECT_EQ(forward_of(random).why, Why::Balanced);
    }
    EXPECT_TRUE(forward_of(0).target.is_primary());
    EXPECT_EQ(forward_of(~std::uint64_t{0}).target, Target::at(NodeId(2)));
}

TEST_F(Planner, WeightZeroIsNeverChosen) {
    for (auto& node : topology.nodes) node.weight = 0;
    EXPECT_EQ(forward_of(), (Forward{Target::primary(), Why::NoStandby}));
}

TEST_F(Planner, LateStandbysServeNoReads) {
    topology.nodes[1].lag_bytes = routing.max_lag_bytes + 1;
    topology.nodes[2].lag_time = routing.max_lag_time + microseconds(1);
    EXPECT_EQ(spread(1000).at(0), 1000);
    routing.max_lag_bytes = 0;
    routing.max_lag_time = milliseconds(0);
    EXPECT_EQ(spread(1000).size(), 3U);
}

TEST_F(Planner, BoundsOfLagAreInclusive) {
    topology.nodes[1].lag_bytes = routing.max_lag_bytes;
    topology.nodes[1].lag_time = routing.max_lag_time;
    EXPECT_EQ(eligibility(topology.nodes[1], topology, routing), Eligibility::Eligible);
}

TEST_F(Planner, ReadsSeeWhatTheyMust) {
    session.must_see = Lsn(1500);
    topology.nodes[2].replay_lsn = Lsn(1500);
    const auto counts = spread();
    EXPECT_FALSE(counts.contains(1));
    EXPECT_NEAR(counts.at(0), 10'000, 400);  // no more than its share
    EXPECT_NEAR(counts.at(2), 20'000, 400);
}

TEST_F(Planner, WaitsForTheStandbysThatAreBehindThenAsksThePrimary) {
    session.must_see = Lsn(1500);
    NodeSet both;
    both.add(NodeId(1));
    both.add(NodeId(2));
    EXPECT_EQ(plan_of(~std::uint64_t{0}),
              ExecutionPlan(WaitForReplay{both, Lsn(1500), routing.consistency_wait}));
    session.waited = true;
    EXPECT_EQ(forward_of(~std::uint64_t{0}), (Forward{Target::primary(), Why::NotCaughtUp}));
    session.waited = false;
    routing.consistency_wait = milliseconds(0);
    EXPECT_EQ(forward_of(~std::uint64_t{0}).why, Why::NotCaughtUp);
}

TEST_F(Planner, OnlyAutocommitReadsOnStandbysAreRepeatable) {
    EXPECT_TRUE(forward_of(~std::uint64_t{0}).retryable);
    EXPECT_FALSE(forward_of(0).retryable);  // on the primary
    session.in_transaction = session.read_only = true;
    EXPECT_FALSE(forward_of(~std::uint64_t{0}).retryable);
    EXPECT_EQ(forward_of(~std::uint64_t{0}).stick, Stick::Transaction);
}

TEST_F(Planner, SessionBalanceKeepsItsChoice) {
    routing.balance = config::BalanceLevel::Session;
    EXPECT_EQ(forward_of(~std::uint64_t{0}).stick, Stick::Session);
    session.chosen = Target::at(NodeId(1));
    EXPECT_EQ(spread(100).at(1), 100);
    topology.nodes[1].state = cluster::NodeState::Down;
    EXPECT_FALSE(spread(100).contains(1));
}

TEST_F(Planner, OtherBalancesChooseAnewForEachTransaction) {
    session.chosen = Target::at(NodeId(1));  // from when `balance: session` was in force
    for (const auto level : {config::BalanceLevel::Transaction, config::BalanceLevel::Statement}) {
        routing.balance = level;
        session.in_transaction = session.read_only = false;
        EXPECT_EQ(spread(1000).size(), 3U);
        EXPECT_EQ(forward_of(~std::uint64_t{0}).stick, Stick::Request);
        session.in_transaction = session.read_only = true;
        EXPECT_EQ(spread(1000).size(), 3U);
        EXPECT_EQ(forward_of(~std::uint64_t{0}).stick, Stick::Transaction);
    }
    session.bound = Target::at(NodeId(2));
    EXPECT_EQ(spread(100).at(2), 100);
}

// A transaction that is under way when the role of its node begins to move.
TEST_F(Planner, AParkedPrimaryIsNoStandby) {
    const NodeId primary = *std::exchange(topology.primary, std::nullopt);
    session.bound = Target::at(primary);
    session.in_transaction = true;
    verdict.kind = Class::Write;
    verdict.primary_only = true;
    EXPECT_EQ(forward_of().target.node, primary);
    topology.nodes[primary.value].role = cluster::Role::Standby;
    EXPECT_TRUE(std::holds_alternative<Refuse>(plan_of()));
}

// Whatever the state of the nodes, there is a plan, and a read goes only where it may.
TEST_F(Planner, IsTotal) {
    std::mt19937_64 random(7);
    const auto states =
        std::to_array({cluster::NodeState::Up, cluster::NodeState::Down, cluster::NodeState::Unknown});
    const auto roles =
        std::to_array({cluster::Role::Primary, cluster::Role::Standby, cluster::Role::Unknown});
    for (int i = 0; i < 20'000; ++i) {
        topology.primary.reset();
        for (auto& node : topology.nodes) {
            node.state = states[random() % 3];
            node.role = roles[random() % 3];
            node.weight = static_cast<double>(random() % 3);
            node.replay_lsn = Lsn(random() % 3);
            const bool up = node.state == cluster::NodeState::Up && node.role == cluster::Role::Primary;
            if (up) topology.primary = node.id;
        }
        session.must_see = Lsn(random() % 3);
        session.waited = random() % 2 == 0;
        const ExecutionPlan result = plan_of(random());
        const auto* forward = std::get_if<Forward>(&result);
        if (forward == nullptr) {
            ASSERT_FALSE(session.waited);
            ASSERT_FALSE(std::get<WaitForReplay>(result).nodes.empty());
        } else if (!forward->target.is_primary()) {
            const cluster::NodeStatus* node = topology.find(forward->target.node);
            ASSERT_EQ(eligibility(*node, topology, routing), Eligibility::Eligible);
            ASSERT_GE(node->replay_lsn, session.must_see);
        }
        ASSERT_FALSE(describe(result, topology).empty());
    }
}

TEST_F(Planner, ExplainTellsAll) {
    topology.nodes[1].lag_bytes = 5;
    const sql::StatementInfoPtr analysed = sql::Analyzer().analyze("select lower(a) from t");
    const sql::CatalogFacts facts = fixture::facts();
    const auto lines = explain(classify(*analysed, &facts, {}), *analysed, session, topology, routing, 0);
    const std::vector<std::string> expected = {
        "statement: select relations=t functions=lower/1",
        "verdict: read: reads only",
        "leaves: -",
        "node: p, primary, up, weight 1, eligible",
        "node: s1, standby, up, weight 1, lag 5 bytes, eligible",
        "node: s2, standby, up, weight 1, lag 0 bytes, eligible",
        "node: idle, standby, up, weight 0, lag 0 bytes, weight 0",
        "plan: forward to primary: balanced",
    };
    EXPECT_EQ(lines, expected);
}

TEST_F(Planner, ExplainSaysMainInModeReplication) {
    topology.epoch = 1;
    const sql::StatementInfoPtr analysed = sql::Analyzer().analyze("create table t()");
    const sql::CatalogFacts facts = fixture::facts();
    const auto lines = explain(classify(*analysed, &facts, {}), *analysed, session, topology, routing, 0);
    EXPECT_EQ(lines.at(3), "node: p, main, up, weight 1, eligible");
    EXPECT_NE(lines.back().find("plan: forward to main: "), std::string::npos) << lines.back();
}

TEST_F(Planner, ExplainSaysWhatIsUnknown) {
    topology.nodes[1].lag_bytes = cluster::kLagUnknown;
    topology.nodes[1].lag_time = microseconds(0);
    session.must_see = kPositionUnknown;
    const sql::StatementInfoPtr analysed = sql::Analyzer().analyze("select 1");
    routing.max_lag_bytes = 0;
    routing.primary_reads = false;
    const auto lines = explain(classify(*analysed, nullptr, {}), *analysed, session, topology, routing, 0);
    ASSERT_EQ(lines.size(), 8U);
    EXPECT_EQ(lines[4],
              "node: s1, standby, up, weight 1, lag unknown, eligible, not known to have replayed what the "
              "session must see");
    EXPECT_EQ(lines[7], "plan: wait for the position of the last write on s1,s2 up to 100 ms");
}

TEST(NodeSet, HoldsNodesBelow64) {
    NodeSet set;
    EXPECT_TRUE(set.empty());
    set.add(NodeId(63));
    set.add(NodeId(64));
    EXPECT_TRUE(set.contains(NodeId(63)));
    EXPECT_FALSE(set.contains(NodeId(64)));
    EXPECT_FALSE(set.contains(NodeId(0)));
}

}  // namespace
}  // namespace pgpool::route
