// SPDX-License-Identifier: PostgreSQL
#include "watchdog/hooks/hook_event.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace pgpool::hooks {
namespace {

using decide::Phase;
using decide::Standing;

const WallTime kNow{seconds(1'800'000'000)};

decide::ClusterState steady() {
    decide::ClusterState state = decide::first_state({"n1", "n2"}, kNow);
    state.primary = "n1";
    return state;
}

std::vector<std::string> names_between(const decide::ClusterState& before,
                                       const decide::ClusterState& after) {
    std::vector<std::string> names;
    for (const HookEvent& event : events_between(before, after, 7)) names.push_back(event.name);
    return names;
}

using Names = std::vector<std::string>;

TEST(HookEvent, NothingHappensBetweenEqualStates) {
    EXPECT_EQ(names_between(steady(), steady()), Names{});
}

TEST(HookEvent, AFailoverIsOneEvent) {
    decide::ClusterState before = steady();
    before.phase = Phase::Promoting;
    decide::ClusterState after = before;
    after.primary = "n2";
    after.phase = Phase::Repointing;
    after.reason = "it was dead";
    decide::set_standing(after, "n1", Standing::Quarantined, "was the primary", kNow);
    const std::vector<HookEvent> events = events_between(before, after, 7);
    const HookEvent expected{.kind = HookKind::Failover,
                             .name = "failover",
                             .node = "n2",
                             .old_primary = "n1",
                             .primary = "n2",
                             .reason = "it was dead",
                             .epoch = 7};
    EXPECT_EQ(events, std::vector<HookEvent>{expected});
}

TEST(HookEvent, APlannedOneIsASwitchover) {
    decide::ClusterState before = steady();
    before.phase = Phase::Promoting;
    before.is_planned = true;
    decide::ClusterState after = steady();
    after.primary = "n2";
    after.phase = Phase::Repointing;
    EXPECT_EQ(names_between(before, after), Names{"switchover"});
}

TEST(HookEvent, TheFirstPrimaryThatIsFoundReplacesNobody) {
    decide::ClusterState before = steady();
    before.primary.clear();
    EXPECT_EQ(names_between(before, steady()), Names{});
}

TEST(HookEvent, ANodeGoesAndComes) {
    decide::ClusterState out = steady();
    decide::set_standing(out, "n2", Standing::Detached, "new disk", kNow);
    const std::vector<HookEvent> gone = events_between(steady(), out, 7);
    ASSERT_EQ(gone.size(), 1U);
    EXPECT_EQ(gone[0].name, "node_out");
    EXPECT_EQ(gone[0].node, "n2");
    EXPECT_EQ(gone[0].reason, "new disk");
    const std::vector<HookEvent> back = events_between(out, steady(), 7);
    ASSERT_EQ(back.size(), 1U);
    EXPECT_EQ(back[0].kind, HookKind::Failback);
    EXPECT_EQ(back[0].name, "failback");
}

TEST(HookEvent, AGonePrimaryIsToldOfOnceOnTheWay) {
    decide::ClusterState condemned = steady();
    condemned.phase = Phase::Condemned;
    decide::ClusterState cutting = steady();
    cutting.phase = Phase::Cutting;
    decide::ClusterState blocked = steady();
    blocked.phase = Phase::Blocked;
    EXPECT_EQ(names_between(steady(), condemned), Names{"primary_gone"});
    EXPECT_EQ(names_between(condemned, cutting), Names{});
    EXPECT_EQ(names_between(cutting, blocked), Names{"blocked"});
    EXPECT_EQ(names_between(blocked, steady()), Names{"primary_back"});
}

TEST(HookEvent, ASwitchoverThatIsDropped) {
    decide::ClusterState parking = steady();
    parking.phase = Phase::Parking;
    EXPECT_EQ(names_between(steady(), parking), Names{});
    EXPECT_EQ(names_between(parking, steady()), Names{"switchover_dropped"});
    decide::ClusterState condemned = steady();
    condemned.phase = Phase::Condemned;
    EXPECT_EQ(names_between(parking, condemned), Names{"primary_gone"});
}

TEST(HookEvent, Maintenance) {
    decide::ClusterState on = steady();
    on.maintenance = {kNow, "kernel"};
    EXPECT_EQ(names_between(steady(), on), Names{"maintenance_on"});
    EXPECT_EQ(names_between(on, on), Names{});
    const std::vector<HookEvent> off = events_between(on, steady(), 7);
    ASSERT_EQ(off.size(), 1U);
    EXPECT_EQ(off[0].name, "maintenance_off");
    EXPECT_EQ(off[0].reason, "kernel");
}

TEST(HookEvent, Pause) {
    decide::ClusterState on = steady();
    on.pause = {kNow, seconds(30), "minor upgrade"};
    EXPECT_EQ(names_between(steady(), on), Names{"paused"});
    EXPECT_EQ(names_between(on, on), Names{});
    EXPECT_EQ(names_between(on, steady()), Names{"resumed"});
}

config::Config configured() {
    config::Config config;
    config.nodes = {{.name = "n1", .host = "10.0.0.1", .port = 5432, .weight = 1},
                    {.name = "n2", .host = "10.0.0.2", .port = 5433, .weight = 1}};
    config.hooks.failover = {"/bin/dns", "now"};
    config.hooks.notify = {"/bin/mail"};
    return config;
}

const HookPlace kPlace{"m1", TimePoint(seconds(100)), kNow};

TEST(HookJob, ACommandGetsVariablesAndJson) {
    const HookEvent event{HookKind::Failover, "failover", "n2", "n1", "n2", "it \"died\"\nthen", 7};
    const std::vector<HookJob> jobs = jobs_of(event, configured(), kPlace);
    ASSERT_EQ(jobs.size(), 2U);
    EXPECT_EQ(jobs[0].words, (Names{"/bin/dns", "now"}));
    EXPECT_EQ(jobs[1].words, (Names{"/bin/mail"}));
    EXPECT_GT(jobs[0].not_before, kPlace.time);
    const auto has = [&](const char* text) {
        return std::ranges::find(jobs[0].environment, text) != jobs[0].environment.end();
    };
    EXPECT_TRUE(has("PGPOOL_EVENT=failover"));
    EXPECT_TRUE(has("PGPOOL_OLD_PRIMARY=n1"));
    EXPECT_TRUE(has("PGPOOL_PRIMARY_HOST=10.0.0.2"));
    EXPECT_TRUE(has("PGPOOL_PRIMARY_PORT=5433"));
    EXPECT_TRUE(has("PGPOOL_REASON=it \"died\"\nthen"));
    EXPECT_EQ(std::ranges::count(jobs[0].input, '\n'), 1);
    const auto json = nlohmann::json::parse(jobs[0].input);
    EXPECT_EQ(json["event"], "failover");
    EXPECT_EQ(json["member"], "m1");
    EXPECT_EQ(json["epoch"], "7");
    EXPECT_EQ(json["at"], "2027-01-15T08:00:00Z");
    EXPECT_EQ(json["reason"], "it \"died\"\nthen");
}

TEST(HookJob, OnlyWhatIsConfigured) {
    const HookEvent back{HookKind::Failback, "failback", "n1", "", "n2", "", 7};
    ASSERT_EQ(jobs_of(back, configured(), kPlace).size(), 1U);
    EXPECT_EQ(jobs_of(back, configured(), kPlace)[0].words, Names{"/bin/mail"});
    EXPECT_TRUE(jobs_of(back, config::Config{}, kPlace).empty());
}

TEST(HookJob, AReasonCannotEndAVariable) {
    HookEvent event = lease_taken(steady(), 7);
    event.reason = std::string("a\0b", 3);
    const std::vector<HookJob> jobs = jobs_of(event, configured(), kPlace);
    for (const std::string& variable : jobs.at(0).environment)
        EXPECT_EQ(variable.find('\0'), std::string::npos);
}

}  // namespace
}  // namespace pgpool::hooks
