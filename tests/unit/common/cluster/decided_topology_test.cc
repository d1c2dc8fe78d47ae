// SPDX-License-Identifier: PostgreSQL
#include "common/cluster/decided_topology.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace pgpool::cluster {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr TimePoint kStart{};
constexpr WallTime kNow{seconds(1'000)};

ProbeResult answer(bool in_recovery, std::uint64_t position) {
    ProbeResult result;
    result.in_recovery = in_recovery;
    result.timeline = 1;
    (in_recovery ? result.replay_lsn : result.write_lsn) = Lsn(position);
    result.sent = kStart + seconds(5);
    return result;
}

// Two nodes that probes have found as a primary, "a", and its standby, "b".
std::vector<NodeEvidence> pair() {
    std::vector<NodeEvidence> evidence(2);
    for (std::uint16_t id = 0; id < 2; ++id) {
        evidence[id].id = NodeId(id);
        evidence[id].name = id == 0 ? "a" : "b";
        evidence[id].host = evidence[id].name + ".example";
        record(evidence[id], answer(id == 1, id == 0 ? 1'000 : 900), {}, kStart);
    }
    return evidence;
}

void refuse(NodeEvidence& evidence) {
    ProbeResult result;
    result.reach = Reach::Refused;
    result.reason = "refused";
    for (int i = 0; i < 2; ++i) record(evidence, result, {}, kStart);
}

Decision decision(Standing a = Standing::Up, Role role_of_a = Role::Primary, Role role_of_b = Role::Standby) {
    return {.revision = Revision{7, 3},
            .nodes = {{"a", role_of_a, a, ""}, {"b", role_of_b, Standing::Up, ""}},
            .withheld = ""};
}

BuiltTopology build(const std::vector<NodeEvidence>& evidence, const Decision& by) {
    return build_decided_topology(evidence, by, Topology(), kNow);
}

TEST(DecidedTopology, RolesAreTheDecisionsAndPositionsTheProbes) {
    const auto built = build(pair(), decision());
    const Topology& topology = built.topology;
    EXPECT_EQ(topology.primary, NodeId(0));
    EXPECT_EQ(topology.decided, (Revision{7, 3}));
    EXPECT_EQ(topology.nodes[0].role, Role::Primary);
    EXPECT_EQ(topology.nodes[1].role, Role::Standby);
    EXPECT_EQ(topology.nodes[1].lag_bytes, 100U);
    EXPECT_EQ(topology.written, Lsn(1'000));
    EXPECT_THAT(topology.parked_because, IsEmpty());
    EXPECT_THAT(built.conflicts, IsEmpty());
    EXPECT_EQ(topology.epoch, 0U) << "that is of mode replication";
}

TEST(DecidedTopology, AWriterThatNobodyNamedIsNoPrimary) {
    auto evidence = pair();
    record(evidence[1], answer(false, 2'000), {}, kStart);  // promoted by hand
    const auto built = build(evidence, decision());
    EXPECT_EQ(built.topology.primary, NodeId(0));
    EXPECT_EQ(built.topology.nodes[1].state, NodeState::Down);
    EXPECT_THAT(built.topology.nodes[1].reason, HasSubstr("not in recovery"));
    EXPECT_THAT(built.conflicts, SizeIs(1));

    Decision nobody = decision(Standing::Down);
    EXPECT_EQ(build(evidence, nobody).topology.primary, std::nullopt);
    EXPECT_THAT(build(evidence, nobody).topology.parked_because, HasSubstr("names no primary"));
}

TEST(DecidedTopology, ThePromotedOneIsPrimaryBeforeAProbeHasSeenIt) {
    const auto built = build(pair(), decision(Standing::Down, Role::Unknown, Role::Primary));
    EXPECT_EQ(built.topology.primary, NodeId(1));
    EXPECT_EQ(built.topology.nodes[0].state, NodeState::Down);
    EXPECT_EQ(built.topology.written_at, TimePoint()) << "its position as a standby is not the primary's";
    EXPECT_EQ(built.topology.written, Lsn());
}

TEST(DecidedTopology, AParkedPrimaryKeepsWhatRunsAndGetsNothingNew) {
    Decision parked = decision(Standing::Parked);
    parked.nodes[0].reason = "switchover to b";
    const Topology topology = build(pair(), parked).topology;
    EXPECT_EQ(topology.primary, std::nullopt);
    EXPECT_EQ(topology.leaving, NodeId(0));
    EXPECT_EQ(topology.nodes[0].state, NodeState::Up) << "else its connections would be closed";
    EXPECT_EQ(topology.nodes[0].role, Role::Primary);
    EXPECT_EQ(topology.parked_because, "switchover to b");
    EXPECT_THAT(topology.nodes[0].reason, HasSubstr("parked, switchover to b"));
    parked.nodes[0].reason.clear();
    EXPECT_EQ(build(pair(), parked).topology.parked_because, "the role of a moves to another node");
    EXPECT_EQ(topology.nodes[1].state, NodeState::Up) << "reads go on";
}

TEST(DecidedTopology, AStandingOfALaterVersionParks) {
    const Topology topology = build(pair(), decision(Standing::Unknown)).topology;
    EXPECT_EQ(topology.primary, std::nullopt);
    EXPECT_EQ(topology.nodes[0].state, NodeState::Up);
    EXPECT_THAT(topology.parked_because, HasSubstr("does not know"));
}

TEST(DecidedTopology, WhatThisProxyCannotReachIsNoReasonToEndSessionsOfThePrimary) {
    auto evidence = pair();
    refuse(evidence[0]);
    const Topology topology = build(evidence, decision()).topology;
    EXPECT_EQ(topology.primary, std::nullopt) << "what is sent there would fail";
    EXPECT_EQ(topology.nodes[0].state, NodeState::Up);
    EXPECT_EQ(topology.leaving, std::nullopt);
    EXPECT_EQ(topology.parked_because, "the primary a does not answer: refused");
}

TEST(DecidedTopology, StandbysServeIfDecisionAndProbesAgree) {
    auto evidence = pair();
    for (const Standing standing :
         {Standing::Down, Standing::Detached, Standing::Recovering, Standing::Parked, Standing::Unknown}) {
        Decision by = decision();
        by.nodes[1].standing = standing;
        const Topology topology = build(evidence, by).topology;
        EXPECT_EQ(topology.nodes[1].state, NodeState::Down) << to_string(standing);
        EXPECT_THAT(topology.nodes[1].reason, HasSubstr(to_string(standing)));
        EXPECT_EQ(topology.primary, NodeId(0));
    }
    refuse(evidence[1]);
    EXPECT_EQ(build(evidence, decision()).topology.nodes[1].state, NodeState::Down);
}

TEST(DecidedTopology, BeforeAnythingIsToldNobodyServes) {
    const Topology topology =
        build(pair(), {.revision = std::nullopt, .nodes = {}, .withheld = "the watchdog cannot be reached"})
            .topology;
    EXPECT_EQ(topology.primary, std::nullopt);
    EXPECT_EQ(topology.decided, std::nullopt);
    for (const NodeStatus& node : topology.nodes) {
        EXPECT_EQ(node.state, NodeState::Unknown);
        EXPECT_EQ(node.role, Role::Unknown);
    }
    EXPECT_EQ(topology.parked_because, "the watchdog cannot be reached");
}

TEST(DecidedTopology, ADecisionThatIsWithheldEndsWhatRunsAtThePrimaryOnly) {
    Decision by = decision();
    by.withheld = "out of date";
    const Topology topology = build(pair(), by).topology;
    EXPECT_EQ(topology.primary, std::nullopt);
    EXPECT_EQ(topology.nodes[0].state, NodeState::Down);
    EXPECT_EQ(topology.nodes[0].reason, "out of date");
    EXPECT_EQ(topology.nodes[1].state, NodeState::Up);
}

TEST(DecidedTopology, ANodeThatTheDecisionDoesNotListIsDown) {
    Decision by = decision();
    by.nodes.pop_back();
    EXPECT_THAT(build(pair(), by).topology.nodes[1].reason, HasSubstr("does not know it"));
}

TEST(DecidedTopology, OnceWithheldItIsAsIfItHadBeenFromTheBeginning) {
    Decision by = decision();
    const Topology late = withheld(build(pair(), by).topology, "the lease is over");
    by.withheld = "the lease is over";
    const Topology early = build(pair(), by).topology;
    EXPECT_EQ(late.primary, std::nullopt);
    EXPECT_EQ(late.parked_because, early.parked_because);
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_EQ(late.nodes[i].state, early.nodes[i].state);
        EXPECT_EQ(late.nodes[i].role, early.nodes[i].role);
        EXPECT_EQ(late.nodes[i].reason, early.nodes[i].reason);
    }
}

TEST(DecidedTopology, NobodyLeavesWhatIsWithheld) {
    const Topology late = withheld(build(pair(), decision(Standing::Parked)).topology, "the lease is over");
    EXPECT_EQ(late.leaving, std::nullopt);
    EXPECT_EQ(late.nodes[0].state, NodeState::Down);
    EXPECT_EQ(late.nodes[1].state, NodeState::Up);
}

}  // namespace
}  // namespace pgpool::cluster
