// SPDX-License-Identifier: PostgreSQL
#include "common/cluster/topology_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace pgpool::cluster {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr TimePoint kStart{};
constexpr WallTime kNow{seconds(1'000)};

ProbeResult failure(Reach reach) {
    ProbeResult result;
    result.reach = reach;
    result.reason = to_string(reach);
    return result;
}

NodeEvidence node(std::uint16_t id, std::string name) {
    NodeEvidence evidence;
    evidence.id = NodeId(id);
    evidence.host = name + ".example";
    evidence.name = std::move(name);
    return evidence;
}

NodeEvidence up(std::uint16_t id, Role role, std::uint32_t timeline, std::string identifier = "7") {
    NodeEvidence evidence = node(id, std::string(1, static_cast<char>('a' + id)));
    ProbeResult result;
    result.in_recovery = role == Role::Standby;
    result.timeline = timeline;
    result.system_identifier = std::move(identifier);
    (role == Role::Standby ? result.replay_lsn : result.write_lsn) = Lsn(1'000);
    record(evidence, result, {}, kStart);
    return evidence;
}

NodeEvidence gone(NodeEvidence evidence) {
    record(evidence, failure(Reach::Refused), {}, kStart);
    record(evidence, failure(Reach::Refused), {}, kStart);
    return evidence;
}

Topology with_primary(std::uint16_t id) {
    Topology topology;
    topology.version = 5;
    topology.primary = NodeId(id);
    return topology;
}

// "a:up/primary b:down/unknown" with the primary marked by a star.
std::string outline(const Topology& topology) {
    std::string text;
    for (const NodeStatus& status : topology.nodes) {
        if (!text.empty()) text += ' ';
        text += status.name + (topology.primary == status.id ? "*:" : ":") + to_string(status.state) + '/' +
                to_string(status.role);
    }
    return text;
}

TEST(Record, OneSuccessIsUp) {
    NodeEvidence evidence = node(0, "a");
    EXPECT_EQ(evidence.state, NodeState::Unknown);
    record(evidence, ProbeResult(), {}, kStart);
    EXPECT_EQ(evidence.state, NodeState::Up);
    EXPECT_EQ(evidence.probes, 1U);
    EXPECT_EQ(evidence.failed_probes, 0U);
}

TEST(Record, TwoRefusedInARowAreDownWhateverTheTime) {
    NodeEvidence evidence = up(0, Role::Primary, 1);
    record(evidence, failure(Reach::Refused), {}, kStart);
    EXPECT_EQ(evidence.state, NodeState::Up);
    record(evidence, failure(Reach::Refused), {}, kStart);
    EXPECT_EQ(evidence.state, NodeState::Down);
    EXPECT_EQ(evidence.reason, "refused");
}

TEST(Record, ASuccessBetweenRefusedStartsAnew) {
    NodeEvidence evidence = up(0, Role::Primary, 1);
    record(evidence, failure(Reach::Refused), {}, kStart);
    record(evidence, ProbeResult(), {}, kStart);
    record(evidence, failure(Reach::Refused), {}, kStart);
    EXPECT_EQ(evidence.state, NodeState::Up);
}

TEST(Record, OtherClassesNeedFailuresToDown) {
    for (const Reach reach :
         {Reach::Unresolved, Reach::Unreachable, Reach::Timeout, Reach::Auth, Reach::Startup, Reach::Query}) {
        NodeEvidence evidence = up(0, Role::Primary, 1);
        const DownRule rule{3, seconds(1)};
        record(evidence, failure(reach), rule, kStart);
        record(evidence, failure(reach), rule, kStart + seconds(1));
        EXPECT_EQ(evidence.state, NodeState::Up) << to_string(reach);
        record(evidence, failure(reach), rule, kStart + seconds(2));
        EXPECT_EQ(evidence.state, NodeState::Down) << to_string(reach);
    }
}

TEST(Record, FastProbingDoesNotCondemnFast) {
    NodeEvidence evidence = up(0, Role::Primary, 1);
    const DownRule rule{3, seconds(1)};
    for (int i = 0; i < 40; ++i) {
        record(evidence, failure(Reach::Startup), rule, kStart + milliseconds(20 * i));
    }
    EXPECT_EQ(evidence.state, NodeState::Up);
    EXPECT_EQ(evidence.failures_in_row, 1U);
    EXPECT_EQ(evidence.failed_probes, 40U);
}

TEST(Record, ASignOfLifeNeverCondemns) {
    NodeEvidence evidence = up(0, Role::Primary, 1);
    ProbeResult full = failure(Reach::Query);
    full.life_sign = true;
    for (int i = 0; i < 10; ++i) record(evidence, full, {}, kStart + seconds(i));
    EXPECT_EQ(evidence.state, NodeState::Up);
    EXPECT_EQ(evidence.reason, "query");
}

TEST(Record, OneSuccessBringsBack) {
    NodeEvidence evidence = gone(up(0, Role::Primary, 1));
    record(evidence, ProbeResult(), {}, kStart);
    EXPECT_EQ(evidence.state, NodeState::Up);
    EXPECT_EQ(evidence.reason, "");
    EXPECT_EQ(evidence.refused_in_row, 0U);
}

struct Case {
    const char* what;
    std::vector<NodeEvidence> evidence;
    Topology previous;
    const char* expected;
    std::size_t conflicts;
};

class BuildTopology : public testing::TestWithParam<Case> {};

TEST_P(BuildTopology, JudgesStatesAndPrimary) {
    const Case& given = GetParam();
    const BuiltTopology built = build_topology(given.evidence, given.previous, kNow);
    EXPECT_EQ(outline(built.topology), given.expected) << given.what;
    EXPECT_THAT(built.conflicts, SizeIs(given.conflicts)) << given.what;
    EXPECT_EQ(built.topology.version, given.previous.version + 1);
}

INSTANTIATE_TEST_SUITE_P(
    Table, BuildTopology,
    testing::Values(
        Case{"nothing configured", {}, {}, "", 0},
        Case{"before the first probe",
             {node(0, "a"), node(1, "b")},
             {},
             "a:unknown/unknown b:unknown/unknown",
             0},
        Case{"a healthy pair",
             {up(0, Role::Primary, 1), up(1, Role::Standby, 1)},
             {},
             "a*:up/primary b:up/standby",
             0},
        Case{"primary gone, standby not yet promoted",
             {gone(up(0, Role::Primary, 1)), up(1, Role::Standby, 1)},
             with_primary(0),
             "a:down/unknown b:up/standby",
             0},
        Case{"promoted",
             {gone(up(0, Role::Primary, 1)), up(1, Role::Primary, 2)},
             with_primary(0),
             "a:down/unknown b*:up/primary",
             0},
        Case{"the old primary returns: the higher timeline wins",
             {up(0, Role::Primary, 1), up(1, Role::Primary, 2)},
             with_primary(1),
             "a:down/unknown b*:up/primary",
             1},
        Case{"promoted while the old one still runs",
             {up(0, Role::Primary, 1), up(1, Role::Primary, 2)},
             with_primary(0),
             "a:down/unknown b*:up/primary",
             1},
        Case{"the old primary returns while its successor is away: nobody",
             {up(0, Role::Primary, 1), gone(up(1, Role::Primary, 2))},
             with_primary(1),
             "a:down/unknown b:down/unknown",
             1},
        Case{"same timeline: the former primary stays",
             {up(0, Role::Primary, 1), up(1, Role::Primary, 1)},
             with_primary(1),
             "a:down/unknown b*:up/primary",
             1},
        Case{"same timeline, no former primary: the first",
             {up(0, Role::Primary, 1), up(1, Role::Primary, 1)},
             {},
             "a*:up/primary b:down/unknown",
             1},
        Case{"timelines not permitted to know",
             {up(0, Role::Primary, 0, ""), up(1, Role::Standby, 0, "")},
             {},
             "a*:up/primary b:up/standby",
             0},
        Case{"a standby of another cluster",
             {up(0, Role::Primary, 1), up(1, Role::Standby, 9, "8"), up(2, Role::Standby, 1)},
             {},
             "a*:up/primary b:down/unknown c:up/standby",
             1},
        Case{"a foreign primary on a higher timeline does not take over",
             {up(0, Role::Primary, 1), up(1, Role::Primary, 9, "8")},
             with_primary(0),
             "a*:up/primary b:down/unknown",
             1},
        Case{"the serving primary outvotes a foreign majority",
             {up(0, Role::Primary, 1), up(1, Role::Primary, 9, "8"), up(2, Role::Standby, 9, "8")},
             with_primary(0),
             "a*:up/primary b:down/unknown c:down/unknown",
             2},
        Case{"a dead node still votes by what was known of it",
             {gone(up(0, Role::Primary, 1)), up(1, Role::Primary, 9, "8"), up(2, Role::Standby, 1)},
             with_primary(0),
             "a:down/unknown b:down/unknown c:up/standby",
             1},
        Case{"a dead stranger's timeline does not count",
             {up(0, Role::Primary, 1), gone(up(1, Role::Primary, 9, "8"))},
             with_primary(0),
             "a*:up/primary b:down/unknown",
             0}));

TEST(BuildTopologyDetail, LagIsPrimaryWriteMinusReplay) {
    std::vector<NodeEvidence> evidence{up(0, Role::Primary, 1), up(1, Role::Standby, 1)};
    evidence[0].known.write_lsn = Lsn(5'000);
    evidence[1].known.lag_time = milliseconds(3);
    BuiltTopology built = build_topology(evidence, {}, kNow);
    EXPECT_EQ(built.topology.nodes[0].lag_bytes, 0U);
    EXPECT_EQ(built.topology.nodes[1].lag_bytes, 4'000U);
    EXPECT_EQ(built.topology.nodes[1].lag_time, milliseconds(3));
    evidence[1].known.replay_lsn = Lsn(6'000);  // probed later than the primary
    built = build_topology(evidence, {}, kNow);
    EXPECT_EQ(built.topology.nodes[1].lag_bytes, 0U);
}

TEST(BuildTopologyDetail, AStandbyOfTheOldTimelineHasNoUsablePosition) {
    const std::vector<NodeEvidence> evidence{up(0, Role::Primary, 2), up(1, Role::Standby, 1)};
    const BuiltTopology built = build_topology(evidence, {}, kNow);
    const NodeStatus& standby = built.topology.nodes[1];
    EXPECT_EQ(standby.state, NodeState::Up);
    EXPECT_EQ(standby.replay_lsn, Lsn());
    EXPECT_EQ(standby.lag_bytes, std::numeric_limits<std::uint64_t>::max());
    EXPECT_THAT(standby.reason, HasSubstr("on timeline 1, the primary is on 2"));
}

TEST(BuildTopologyDetail, TheLastPositionOfAPrimaryIsKept) {
    std::vector<NodeEvidence> evidence{up(0, Role::Primary, 1), up(1, Role::Standby, 1)};
    evidence[0].known.write_lsn = Lsn(5'000);
    evidence[0].known.sent = TimePoint(seconds(7));
    const Topology first = build_topology(evidence, {}, kNow).topology;
    evidence[0] = gone(evidence[0]);
    const Topology without = build_topology(evidence, first, kNow).topology;
    EXPECT_EQ(without.written, Lsn(5'000));
    EXPECT_EQ(without.written_at, TimePoint(seconds(7)));
    evidence[1] = up(1, Role::Primary, 2);
    evidence[1].known.write_lsn = Lsn(4'000);
    evidence[1].known.sent = TimePoint(seconds(9));
    const Topology promoted = build_topology(evidence, without, kNow).topology;
    EXPECT_EQ(promoted.written, Lsn(4'000));
    EXPECT_EQ(promoted.written_at, TimePoint(seconds(9)));
}

TEST(BuildTopologyDetail, ReplicationRowsByNameThenByUniqueAddress) {
    std::vector<NodeEvidence> evidence{up(0, Role::Primary, 1), up(1, Role::Standby, 1),
                                       up(2, Role::Standby, 1), up(3, Role::Standby, 1)};
    evidence[2].known.addresses = {"10.0.0.3"};
    evidence[3].known.addresses = {"10.0.0.4"};
    evidence[0].known.replication = {{"b", "10.0.0.9", "streaming", "sync"},
                                     {"walreceiver", "10.0.0.3", "catchup", "async"},
                                     {"walreceiver", "10.0.0.4", "streaming", "async"},
                                     {"walreceiver", "10.0.0.4", "streaming", "quorum"}};
    const BuiltTopology built = build_topology(evidence, {}, kNow);
    EXPECT_EQ(built.topology.nodes[1].replication_sync_state, "sync");
    EXPECT_EQ(built.topology.nodes[2].replication_state, "catchup");
    EXPECT_EQ(built.topology.nodes[3].replication_state, "") << "two servers on one address";
}

TEST(BuildTopologyDetail, LastChangeMovesOnlyWithStateOrRole) {
    std::vector<NodeEvidence> evidence{up(0, Role::Primary, 1), up(1, Role::Standby, 1)};
    const Topology first = build_topology(evidence, {}, kNow).topology;
    evidence[0].known.write_lsn = Lsn(9'999);
    const Topology second = build_topology(evidence, first, kNow + seconds(5)).topology;
    EXPECT_EQ(second.nodes[0].last_change, kNow);
    evidence[0] = gone(evidence[0]);
    const Topology third = build_topology(evidence, second, kNow + seconds(9)).topology;
    EXPECT_EQ(third.nodes[0].last_change, kNow + seconds(9));
    EXPECT_EQ(third.nodes[1].last_change, kNow);
    EXPECT_EQ(third.version, 3U);
}

TEST(BuildTopologyDetail, AConflictSaysWhoAndWhy) {
    const std::vector<NodeEvidence> evidence{up(0, Role::Primary, 1), up(1, Role::Primary, 2)};
    const BuiltTopology built = build_topology(evidence, {}, kNow);
    ASSERT_THAT(built.conflicts, SizeIs(1));
    EXPECT_EQ(built.conflicts[0],
              "node a: not in recovery on timeline 1, but b is the primary on timeline 2");
    EXPECT_EQ(built.topology.nodes[0].reason,
              "not in recovery on timeline 1, but b is the primary on timeline 2");
}

TEST(Record, KeepsHowProbesWent) {
    NodeEvidence evidence = node(0, "a");
    const auto probe = [&](Reach reach, int second, milliseconds took) {
        ProbeResult result = failure(reach);
        result.took = took;
        record(evidence, std::move(result), {}, kStart + seconds(second));
    };
    probe(Reach::Ok, 1, milliseconds(4));
    probe(Reach::Timeout, 2, milliseconds(9));
    probe(Reach::Timeout, 3, milliseconds(9));
    probe(Reach::Ok, 4, milliseconds(2));
    const std::vector<NodeEvidence> all{evidence};
    const ProbeTimes times = build_topology(all, {}, kNow).topology.nodes[0].probe_times;
    EXPECT_EQ(times.after_failure, 2U);
    EXPECT_EQ(times.longest_failure_run, 2U);
    EXPECT_EQ(times.shortest, milliseconds(2));
    EXPECT_EQ(times.longest, milliseconds(9));
    EXPECT_EQ(times.total, milliseconds(24));
    EXPECT_EQ(times.last, kStart + seconds(4));
    EXPECT_EQ(times.last_success, kStart + seconds(4));
    EXPECT_EQ(times.last_failure, kStart + seconds(3));
}

TEST(Names, AreThoseOfTheAdminCommands) {
    EXPECT_STREQ(to_string(Role::Standby), "standby");
    EXPECT_STREQ(to_string(NodeState::Up), "up");
    EXPECT_STREQ(to_string(Reach::Unresolved), "unresolved");
}

}  // namespace
}  // namespace pgpool::cluster
