// SPDX-License-Identifier: PostgreSQL
#include "watchdog/server/status.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace pgpool::watchdog {
namespace {

using Json = nlohmann::json;

const std::vector<config::Node> kNodes{{.name = "a", .host = "10.0.0.1"}, {.name = "b", .host = "10.0.0.2"}};

decide::ClusterState state_with_primary() {
    decide::ClusterState state = decide::first_state({"a", "b"}, {});
    state.primary = "a";
    decide::set_standing(state, "b", decide::Standing::Quarantined, "it diverged", {});
    return state;
}

TEST(Status, TellsWhatTheVerbPromises) {
    decider::Decider decider({"m1", {.nodes = kNodes, .login = {}, .conninfos = {}}, {}}, {},
                             state_with_primary());
    Status status{.member = "m1", .epoch = 7, .holder = "m1", .lease_state = "holder", .waiting_for = ""};
    status.members = {{"m1", true, true, 1}, {"m2", false, false, 0}};
    status.vips = {{{.address = "10.0.0.100", .device = "eth0", .phase = bus::VipPhase::Held}, "m1"}};
    status.programs = {{"pgpool-proxy", 42, WallTime(seconds(1'700'000'000))}};
    const Json json = Json::parse(status_json(status, decider, kNodes));
    EXPECT_EQ(json["lease"], (Json{{"holder", "m1"}, {"state", "holder"}, {"remaining_ms", nullptr}}));
    EXPECT_EQ(json["phase"], "steady");
    EXPECT_EQ(json["primary"], "a");
    EXPECT_EQ(json["maintenance"], nullptr);
    EXPECT_EQ(json["pause"], nullptr);
    EXPECT_EQ(json["nodes"][0]["role"], "primary");
    EXPECT_EQ(json["nodes"][1]["standing"], "quarantined");
    EXPECT_EQ(json["nodes"][1]["reason"], "it diverged");
    EXPECT_EQ(json["nodes"][1]["lag_bytes"], nullptr);
    EXPECT_EQ(json["members"][1]["is_in"], false);
    EXPECT_EQ(json["vips"][0]["phase"], "held");
    EXPECT_EQ(json["programs"][0]["since"], "2023-11-14T22:13:20Z");
}

TEST(Status, WhoIsInNoGroupSaysSinceWhenAndTellsNoOldQuorum) {
    decider::Decider decider({"m1", {.nodes = kNodes, .login = {}, .conninfos = {}}, {}}, {},
                             state_with_primary());
    Status status{.member = "m1",
                  .holder = "",
                  .lease_state = "Holder",
                  .quorum = {.is_quorate = true, .votes = 2, .expected = 2},
                  .is_in_group = true};
    Json json = Json::parse(status_json(status, decider, kNodes));
    EXPECT_EQ(json["quorum"]["votes"], 2);
    EXPECT_EQ(json["group"], (Json{{"is_in", true}, {"lost_since", nullptr}, {"reason", ""}}));
    status.is_in_group = false;
    status.loss = GroupWatch::Loss{WallTime(seconds(1'700'000'000)), "CS_ERR_LIBRARY"};
    json = Json::parse(status_json(status, decider, kNodes));
    EXPECT_EQ(json["quorum"], nullptr);
    EXPECT_EQ(json["group"],
              (Json{{"is_in", false}, {"lost_since", "2023-11-14T22:13:20Z"}, {"reason", "CS_ERR_LIBRARY"}}));
}

TEST(Status, VotesOfTheLeaseByName) {
    decider::Decider decider({"m1", {.nodes = kNodes, .login = {}, .conninfos = {}}, {}}, {},
                             state_with_primary());
    Status status{.member = "m1", .holder = "", .lease_state = "Follower", .votes_needed = 3};
    EXPECT_EQ(Json::parse(status_json(status, decider, kNodes))["votes"], nullptr) << "it asks nobody";
    status.voters = {{"m1", 1, true}, {"m2", 1, false}, {"a", 2, true}, {"b", 1, false}};
    const Json votes = Json::parse(status_json(status, decider, kNodes))["votes"];
    EXPECT_EQ(votes["total"], 5);
    EXPECT_EQ(votes["needed"], 3);
    EXPECT_EQ(votes["reached"], 3);
    EXPECT_EQ(votes["voters"][1], (Json{{"name", "m2"}, {"votes", 1}, {"is_reached", false}}));
}

TEST(Status, APauseAndWhatIsUnderWay) {
    decide::ClusterState state = state_with_primary();
    state.pause = {WallTime(seconds(1'700'000'000)), seconds(30), "minor upgrade"};
    decider::Decider decider({"m1", {.nodes = kNodes, .login = {}, .conninfos = {}}, {}}, {}, state);
    Status status{.member = "m1", .epoch = 7, .holder = "m1", .lease_state = "holder", .under_way = 2};
    EXPECT_EQ(Json::parse(status_json(status, decider, kNodes))["pause"],
              (Json{{"until", "2023-11-14T22:13:50Z"}, {"reason", "minor upgrade"}, {"under_way", 2}}));
    status.under_way = {};
    EXPECT_EQ(Json::parse(status_json(status, decider, kNodes))["pause"]["under_way"], nullptr);
}

TEST(Status, TheLastDecisionsWithTheirFacts) {
    decide::ClusterState state = state_with_primary();
    for (const char* row : {"S2", "C1"}) {
        decide::append(state, {.at = WallTime(seconds(1'700'000'000)),
                               .epoch = 7,
                               .row = row,
                               .event = decide::Event::Look,
                               .from = decide::Phase::Steady,
                               .to = decide::Phase::Condemned,
                               .facts = {decide::Fact::Lease, decide::Fact::PrimaryGone},
                               .reason = "it is gone"});
    }
    const Json last = Json::parse(decisions_json(state, 1))["decisions"];
    ASSERT_EQ(last.size(), 1U);
    EXPECT_EQ(last[0]["row"], "C1");
    EXPECT_EQ(last[0]["facts"], (Json{"lease", "primary gone"}));
    EXPECT_EQ(last[0]["at"], "2023-11-14T22:13:20Z");
    EXPECT_EQ(Json::parse(decisions_json(state, 100))["decisions"].size(), 2U);
}

TEST(Status, BytesThatAreNoTextDoNoHarm) {
    EXPECT_TRUE(Json::accept(reason_json("\xff")));
    EXPECT_EQ(Json::parse(error_json({"no", {}, "so"})), (Json{{"error", "no"}, {"hint", "so"}}));
}

TEST(Topology, IsWhatTheRecordSays) {
    const bus::Topology topology = topology_of(state_with_primary(), {7, 3}, kNodes);
    EXPECT_EQ(topology.epoch, 7U);
    EXPECT_EQ(topology.revision, 3U);
    ASSERT_EQ(topology.nodes.size(), 2U);
    EXPECT_EQ(topology.nodes[0].role, bus::NodeRole::Primary);
    EXPECT_EQ(topology.nodes[0].state, bus::NodeState::Up);
    EXPECT_EQ(topology.nodes[1].role, bus::NodeRole::Standby);
    EXPECT_EQ(topology.nodes[1].state, bus::NodeState::Down);
    EXPECT_EQ(topology.nodes[1].reason, "it diverged");
}

TEST(Topology, ThePrimaryIsParkedWhileItsRoleIsMoved) {
    decide::ClusterState state = state_with_primary();
    state.phase = decide::Phase::Parking;
    EXPECT_EQ(topology_of(state, {7, 3}, kNodes).nodes[0].state, bus::NodeState::Parked);
    state.phase = decide::Phase::Promoting;
    EXPECT_EQ(topology_of(state, {7, 3}, kNodes).nodes[0].state, bus::NodeState::Up) << "it is dead";
    state.is_planned = true;
    EXPECT_EQ(topology_of(state, {7, 3}, kNodes).nodes[0].state, bus::NodeState::Parked);
    state.phase = decide::Phase::Repointing;
    EXPECT_EQ(topology_of(state, {7, 3}, kNodes).nodes[0].state, bus::NodeState::Up);
}

TEST(Topology, ThePrimaryIsParkedWhileClientsArePaused) {
    decide::ClusterState state = state_with_primary();
    state.pause = {{}, seconds(30), "minor upgrade"};
    const bus::Topology topology = topology_of(state, {7, 3}, kNodes);
    EXPECT_EQ(topology.nodes[0].state, bus::NodeState::Parked);
    EXPECT_EQ(topology.nodes[0].reason, "clients are paused: minor upgrade");
    EXPECT_EQ(topology.nodes[1].reason, "it diverged");
}

}  // namespace
}  // namespace pgpool::watchdog
