// SPDX-License-Identifier: PostgreSQL
#include "common/cluster/replicated_topology.h"

#include <gtest/gtest.h>

namespace pgpool::cluster {
namespace {

constexpr WallTime kNow{seconds(1'000)};

NodeEvidence node(std::uint16_t id, NodeState state) {
    NodeEvidence evidence;
    evidence.id = NodeId(id);
    evidence.name = std::string(1, static_cast<char>('a' + id));
    evidence.state = state;
    evidence.known.system_identifier = std::to_string(id);  // servers of their own
    evidence.known.timeline = id + 1U;
    if (state == NodeState::Down) evidence.reason = "no answer";
    return evidence;
}

const std::vector<NodeEvidence> kAllUp{node(0, NodeState::Up), node(1, NodeState::Up),
                                       node(2, NodeState::Up)};

Membership three() {
    const std::vector<std::string> names{"a", "b", "c"};
    Membership membership = first_membership(names, kNow);
    membership.epoch = 9;
    return membership;
}

Membership without(std::initializer_list<std::string> names) {
    Membership membership = three();
    for (const std::string& name : names) EXPECT_TRUE(evict(membership, name, "late", kNow));
    return membership;
}

std::string outline(const Topology& topology) {
    std::string text;
    for (const NodeStatus& status : topology.nodes) {
        if (!text.empty()) text += ' ';
        text += status.name + (topology.primary == status.id ? "*:" : ":") + to_string(status.state) + '/' +
                to_string(status.role);
    }
    return text;
}

std::string outline(const std::vector<NodeEvidence>& evidence, const Membership& membership) {
    return outline(build_replicated_topology(evidence, membership, true, {}, kNow).topology);
}

TEST(ReplicatedTopology, WhoIsAttachedIsUp) {
    EXPECT_EQ(outline(kAllUp, three()), "a*:up/primary b:up/replica c:up/replica");
    EXPECT_EQ(outline(kAllUp, without({"a"})), "a:down/unknown b*:up/primary c:up/replica");
    Membership others = without({"a"});
    others.members[0].given_under = 8;
    const auto built = build_replicated_topology(kAllUp, others, true, {}, kNow);
    EXPECT_EQ(built.topology.nodes[0].given_under, 8U);
    EXPECT_EQ(built.topology.nodes[0].reason, "taken out: late");
    EXPECT_EQ(built.topology.epoch, 9U);
    EXPECT_EQ(built.topology.version, 1U);
    EXPECT_GE(built.topology.nodes[2].replay_lsn, Lsn(1)) << "it has everything that was committed";
}

TEST(ReplicatedTopology, NobodyIsUpBeforeTheClusterIsOpen) {
    const auto built = build_replicated_topology(kAllUp, without({"b"}), false, {}, kNow);
    EXPECT_EQ(outline(built.topology), "a:unknown/unknown b:down/unknown c:unknown/unknown");
    EXPECT_EQ(outline(build_replicated_topology(kAllUp, {}, false, {}, kNow).topology),
              "a:unknown/unknown b:unknown/unknown c:unknown/unknown");
    EXPECT_TRUE(built.suspects.empty());
}

TEST(ReplicatedTopology, WhyTheClusterIsNotOpenIsTold) {
    Membership membership = without({"b"});
    const auto reason = [&](bool is_open, std::size_t node) {
        return build_replicated_topology(kAllUp, membership, is_open, {}, kNow).topology.nodes[node].reason;
    };
    EXPECT_EQ(reason(false, 0), "the cluster is being opened");
    membership.not_open = "c: no markers";
    EXPECT_EQ(reason(false, 0), "the cluster is not open: c: no markers");
    EXPECT_EQ(reason(false, 1), "taken out: late");
    EXPECT_EQ(reason(true, 0), "");
}

TEST(ReplicatedTopology, ProbesAloneTakeNobodyOut) {
    const std::vector<NodeEvidence> evidence{node(0, NodeState::Down), node(1, NodeState::Up),
                                             node(2, NodeState::Unknown)};
    const auto built = build_replicated_topology(evidence, three(), true, {}, kNow);
    EXPECT_EQ(outline(built.topology), "a*:up/primary b:up/replica c:up/replica");
    EXPECT_EQ(built.suspects, (std::vector<Suspect>{{NodeId(0), "no answer"}}));
    EXPECT_TRUE(build_replicated_topology(evidence, three(), false, {}, kNow).suspects.empty());
    EXPECT_TRUE(build_replicated_topology(evidence, without({"a"}), true, {}, kNow).suspects.empty());
}

TEST(ReplicatedTopology, TheLastOneIsDownWhileItsProbesFail) {
    std::vector<NodeEvidence> evidence{node(0, NodeState::Up), node(1, NodeState::Down),
                                       node(2, NodeState::Up)};
    const Membership last = without({"a", "c"});
    const auto built = build_replicated_topology(evidence, last, true, {}, kNow);
    EXPECT_EQ(outline(built.topology), "a:down/unknown b:down/unknown c:down/unknown");
    EXPECT_EQ(built.topology.nodes[1].reason, "no answer");
    EXPECT_TRUE(built.topology.nodes[0].is_taken_out);
    EXPECT_FALSE(built.topology.nodes[1].is_taken_out) << "it goes on when it answers again";
    EXPECT_TRUE(built.suspects.empty());
    evidence[1] = node(1, NodeState::Up);
    EXPECT_EQ(outline(evidence, last), "a:down/unknown b*:up/primary c:down/unknown");
}

TEST(ReplicatedTopology, RemembersSinceWhen) {
    const auto first = build_replicated_topology(kAllUp, three(), true, {}, kNow).topology;
    const auto second =
        build_replicated_topology(kAllUp, without({"c"}), true, first, kNow + seconds(5)).topology;
    EXPECT_EQ(second.version, first.version + 1);
    EXPECT_EQ(second.nodes[0].last_change, kNow);
    EXPECT_EQ(second.nodes[2].last_change, kNow + seconds(5));
}

}  // namespace
}  // namespace pgpool::cluster
