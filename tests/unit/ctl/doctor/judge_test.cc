// SPDX-License-Identifier: PostgreSQL
#include "ctl/doctor/judge.h"

#include <gmock/gmock.h>

#include "ctl/setup/corosync_conf.h"

namespace pgpool::ctl {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

auto is(Level level) {
    return Field("level", &Finding::level, level);
}
auto is(Level level, const std::string& text) {
    return ::testing::AllOf(is(level), Field("text", &Finding::text, HasSubstr(text)));
}

TEST(JudgeUnit, EachStateHasItsRemedy) {
    const auto judged = [](const char* load, const char* active, const char* enabled) {
        return judge_unit({"pgpool-vip", load, active, enabled, 0});
    };
    EXPECT_THAT(judged("loaded", "active", "enabled"), is(Level::Ok));
    EXPECT_THAT(judged("loaded", "active", "static"), is(Level::Ok));
    EXPECT_THAT(judged("loaded", "active", "disabled"), is(Level::Warn, "not after the next boot"));
    EXPECT_THAT(judged("loaded", "failed", "enabled"), is(Level::Fail, "pgpool-vip is failed"));
    EXPECT_THAT(judged("not-found", "inactive", ""), is(Level::Fail, "is not installed"));
    EXPECT_EQ(judged("masked", "inactive", "masked").remedy, "systemctl unmask pgpool-vip");
}

TEST(JudgeConfiguration, OthersMustNotReadIt) {
    EXPECT_THAT(judge_configuration({"f", "", "", 0640}), is(Level::Ok));
    EXPECT_THAT(judge_configuration({"f", "", "", 0644}), is(Level::Warn, "everybody can read it"));
}

config::Watchdog pair() {
    config::Watchdog watchdog;
    watchdog.enabled = true;
    watchdog.members = {{"m1", "10.0.0.1"}, {"m2", "10.0.0.2"}};
    return watchdog;
}

TEST(JudgeName, MustBeAMembers) {
    EXPECT_THAT(judge_name("m2", pair()), is(Level::Ok, "m2 at 10.0.0.2"));
    EXPECT_THAT(judge_name("db-host", pair()), is(Level::Fail, "\"db-host\" is none"));
}

CorosyncFacts well_kept() {
    CorosyncFacts facts;
    facts.answers = facts.is_quorate = true;
    facts.conf.text = corosync_conf(pair(), "/etc/corosync");
    facts.uidgid.text = uidgid_file(pair());
    facts.key.mode = 0400;
    return facts;
}

TEST(JudgeCorosync, AllIsWell) {
    EXPECT_THAT(judge_corosync(well_kept(), pair()), Each(is(Level::Ok)));
}

TEST(JudgeCorosync, OneThingIsNot) {
    const auto judged = [](auto change) {
        CorosyncFacts facts = well_kept();
        change(facts);
        return judge_corosync(facts, pair());
    };
    EXPECT_THAT(judged([](CorosyncFacts& facts) { facts.is_installed = false; }),
                Contains(is(Level::Fail, "not installed")));
    EXPECT_THAT(judged([](CorosyncFacts& facts) {
                    facts.answers = false;
                    facts.output = "Cannot initialize QUORUM service";
                }),
                Contains(is(Level::Fail, "Cannot initialize QUORUM")));
    EXPECT_THAT(judged([](CorosyncFacts& facts) { facts.is_quorate = false; }),
                Contains(is(Level::Warn, "not quorate")));
    EXPECT_THAT(judged([](CorosyncFacts& facts) {
                    facts.conf.text.reset();
                    facts.conf.error = "No such file or directory";
                }),
                Contains(is(Level::Fail, "No such file")));
    EXPECT_THAT(judged([](CorosyncFacts& facts) { facts.conf.text = "ring0_addr: 10.0.0.1\n"; }),
                Contains(is(Level::Fail, "no ring0_addr: 10.0.0.2")));
    EXPECT_THAT(judged([](CorosyncFacts& facts) {
                    facts.conf.text->replace(facts.conf.text->find("token: 600"), 10, "token: 601");
                }),
                Contains(is(Level::Warn, "token is 601")));
    EXPECT_THAT(judged([](CorosyncFacts& facts) { facts.uidgid.text.reset(); }),
                Contains(is(Level::Warn, "does not let group pgpool in")));
    EXPECT_THAT(judged([](CorosyncFacts& facts) { facts.key.error = "No such file"; }),
                Contains(is(Level::Fail, "No such file")));
    EXPECT_THAT(judged([](CorosyncFacts& facts) { facts.key.mode = 0440; }),
                Contains(is(Level::Warn, "can be read by others")));
}

TEST(JudgeHub, WhoIsNotThere) {
    EXPECT_THAT(judge_hub({std::nullopt, "away", "look"}, {}), ElementsAre(is(Level::Fail, "away")));
    Json status{{"member", "m1"},
                {"phase", "steady"},
                {"programs", {{{"program", "pgpool-proxy"}}}},
                {"members",
                 {{{"name", "m1"}, {"is_in", true}, {"protocol", "1.0"}},
                  {{"name", "m2"}, {"is_in", true}, {"protocol", "1.0"}}}}};
    EXPECT_THAT(judge_hub({status, "", ""}, {"pgpool-proxy"}), Each(is(Level::Ok)));
    EXPECT_THAT(judge_hub({status, "", ""}, {"pgpool-proxy", "pgpool-vip"}),
                Contains(is(Level::Fail, "not on it: pgpool-vip")));
    status["members"][1]["protocol"] = "1.1";
    EXPECT_THAT(judge_hub({status, "", ""}, {}), Contains(is(Level::Warn, "protocols 1.0, 1.1")));
    status["members"][1]["refused"] = "nodes is n1=10.0.0.9:5432";
    EXPECT_THAT(judge_hub({status, "", ""}, {}), Contains(is(Level::Fail, "refused: m2: nodes is n1=")));
    status["members"][1]["refused"] = "";
    status["members"][1]["is_in"] = false;
    EXPECT_THAT(judge_hub({status, "", ""}, {}), Contains(is(Level::Warn, "not heard: m2")));
}

TEST(JudgeHub, WhatIsWrongWithTheCluster) {
    const auto judged = [](const char* phase, const char* standing) {
        const Json node{{"name", "n1"}, {"standing", standing}, {"reason", "it was the primary"}};
        const Json status{{"member", "m1"},      {"phase", phase},  {"reason", "no node may be promoted"},
                          {"waiting_for", "n3"}, {"primary", "n2"}, {"nodes", {node}}};
        return judge_hub({status, "", ""}, {});
    };
    EXPECT_THAT(judged("steady", "in service"), Each(is(Level::Ok)));
    EXPECT_THAT(judged("blocked", "in service"),
                Contains(is(Level::Fail, "as member m1, blocked: no node may be promoted")));
    EXPECT_THAT(judged("condemned", "in service"), Contains(is(Level::Fail, "waits for n3")));
    EXPECT_THAT(judged("suspected", "in service"), Contains(is(Level::Warn, "suspected")));
    const Findings found = judged("steady", "quarantined");
    EXPECT_THAT(found, Contains(is(Level::Warn, "n1 is quarantined: it was the primary")));
    EXPECT_THAT(found, Contains(Field("remedy", &Finding::remedy, HasSubstr("make it a standby of n2"))));
    EXPECT_THAT(judged("steady", "detached"), Contains(is(Level::Warn, "n1 is detached")));
}

TEST(JudgeHooks, WhatCannotBeStarted) {
    EXPECT_THAT(judge_hooks({{"hooks.notify", "/bin/true", ""}}), ElementsAre(is(Level::Ok)));
    EXPECT_THAT(judge_hooks({{"hooks.failover", "/no/such", "No such file or directory"}}),
                ElementsAre(is(Level::Fail, "hooks.failover: /no/such: No such file")));
}

NodeLook good(const std::string& name, bool is_standby) {
    NodeLook look;
    look.name = name;
    look.version = 150008;
    look.is_standby = is_standby;
    look.sync_names = "ANY 1 (\"n2\")";
    look.sync_commit = "on";
    return look;
}

config::Config watched() {
    config::Config config;
    config.watchdog = pair();
    return config;
}

Findings judged(std::vector<NodeLook> nodes, const std::string& primary = "") {
    return judge_nodes(nodes, watched(), primary);
}

TEST(JudgeNodes, AllIsWell) {
    EXPECT_THAT(judged({good("n1", false), good("n2", true)}),
                ::testing::AllOf(SizeIs(5), Each(is(Level::Ok))));
}

TEST(JudgeNodes, RightsAreToldAsGrants) {
    NodeLook look = good("n1", false);
    look.missing_for_orders = "GRANT pg_checkpoint TO \"pgpool\"";
    EXPECT_THAT(judged({look}).front(), is(Level::Fail, "what a failover needs"));
    look.missing_for_lease = "GRANT pg_monitor TO \"pgpool\"";
    EXPECT_THAT(judged({look}).front(), is(Level::Fail, "what the lease needs"));
    EXPECT_EQ(judged({look}).front().remedy, "GRANT pg_monitor TO \"pgpool\"");
    look.is_superuser = true;
    EXPECT_THAT(judged({look}).front(), is(Level::Ok));
    config::Config without = watched();
    look.is_superuser = without.watchdog.enabled = false;
    EXPECT_THAT(judge_nodes({look}, without, "").front(), is(Level::Ok)) << "nobody needs them";
}

TEST(JudgeNodes, OldServers) {
    NodeLook look = good("n1", false);
    look.version = 140010;
    EXPECT_THAT(judged({look}).front(), is(Level::Fail, "only a superuser"));
    look.is_superuser = true;
    EXPECT_THAT(judged({look}).front(), is(Level::Ok));
    look.version = 130004;
    EXPECT_THAT(judged({look}).front(), is(Level::Fail, "PostgreSQL 14 or later"));
}

TEST(JudgeNodes, BesideEachOther) {
    NodeLook other = good("n2", true);
    other.version = 160001;
    EXPECT_THAT(judged({good("n1", false), other}), Contains(is(Level::Fail, "PostgreSQL 15, 16")));
    EXPECT_THAT(judged({good("n1", false), good("n2", false)}),
                Contains(is(Level::Fail, "n1 and n2 are primaries")));
    EXPECT_THAT(judged({good("n1", true)}), Contains(is(Level::Fail, "none that is reached")));
    config::Config equals = watched();
    equals.mode = config::ClusterMode::Replication;
    EXPECT_THAT(judge_nodes({good("n1", false), good("n2", false)}, equals, ""), Each(is(Level::Ok)));
}

TEST(JudgeNodes, TheWatchdogSaysWhoIsThePrimary) {
    const std::vector<NodeLook> both{good("n1", false), good("n2", false)};
    EXPECT_THAT(judged(both, "n2"), Contains(is(Level::Fail, "n1 runs as a primary; the primary is n2")));
    const Findings found = judged(both, "n2");
    EXPECT_THAT(found, Contains(Field("remedy", &Finding::remedy,
                                      HasSubstr("leave n2 alone; make n1 a standby of it"))));
    EXPECT_THAT(judged({good("n1", false), good("n2", true)}, "n1"), Each(is(Level::Ok)));
    NodeLook former = good("n1", false);
    former.sync_names = "ANY 1 (\"no such standby\")";
    EXPECT_THAT(judged({former, good("n2", false)}, "n2"), Not(Contains(is(Level::Ok, "commits at n1"))));
    const Findings other = judged({good("n1", false), good("n2", true)}, "n2");
    EXPECT_THAT(other,
                Contains(is(Level::Fail, "n1 runs as a primary; the primary is n2, which is not reached")));
    EXPECT_THAT(other, Contains(Field("remedy", &Finding::remedy, HasSubstr("stop nothing yet"))));
    EXPECT_THAT(judged(both), Contains(Field("remedy", &Finding::remedy, HasSubstr("stop none before"))));
}

TEST(JudgeNodes, CommitsThatWaitForNoStandby) {
    NodeLook primary = good("n1", false);
    primary.sync_names.clear();
    EXPECT_THAT(judged({primary, good("n2", true)}), Contains(is(Level::Warn, "names is empty")));
    primary.sync_commit = "local";
    EXPECT_THAT(judged({primary, good("n2", true)}),
                Contains(is(Level::Warn, "synchronous_commit is local")));
    config::Config config = watched();
    config.watchdog.durability = config::Durability::Available;
    EXPECT_THAT(judge_nodes({primary, good("n2", true)}, config, ""), Each(is(Level::Ok))) << "it is allowed";
    EXPECT_THAT(judged({primary}), Each(is(Level::Ok))) << "there is nobody to wait for";
}

TEST(JudgeNodes, OneThingIsNot) {
    NodeLook look = good("n1", false);
    look.clock_ahead = -3.04;
    EXPECT_THAT(judged({look}), Contains(is(Level::Warn, "n1 is 3.0 s behind this member")));
    look = good("n1", false);
    look.idle_timeout = "1min";
    EXPECT_THAT(judged({look}), Contains(is(Level::Warn, "idle_session_timeout is 1min")));
    look = good("n1", false);
    look.error = "connection refused";
    EXPECT_THAT(judged({look}), ElementsAre(is(Level::Fail, "n1: connection refused")));
}

TEST(JudgeSurvival, WarnsOfWhatOneHostMayTakeAlong) {
    config::Config config = watched();
    config.nodes = {{"n1", "10.0.0.3"}, {"n2", "10.0.0.4"}};
    EXPECT_THAT(judge_survival(survival_of(config, {})), ElementsAre(is(Level::Ok, "3 of 5 are needed")));
    config.nodes = {{"n1", "10.0.0.1"}, {"n2", "10.0.0.2"}};
    EXPECT_THAT(judge_survival(survival_of(config, {})),
                ::testing::AllOf(Contains(is(Level::Warn, "not survived: the loss of m1 and n1")),
                                 Each(is(Level::Warn))));
}

TEST(JudgeVip, Interfaces) {
    EXPECT_THAT(judge_vip({{"eth0", "10.0.0.100", true}}), ElementsAre(is(Level::Ok)));
    EXPECT_THAT(judge_vip({{"eth7", "10.0.0.100", false}}), Contains(is(Level::Fail, "no interface eth7")));
}

TEST(JudgePrivileges, WhatIsNeededAndNoMore) {
    constexpr std::uint64_t kBoth = 0x3000;
    constexpr unsigned kUser = 990;
    EXPECT_THAT(judge_privileges("pgpool-vip", {kUser, kBoth}), is(Level::Ok));
    EXPECT_THAT(judge_privileges("pgpool-proxy", {kUser, 0}), is(Level::Ok));
    EXPECT_THAT(judge_privileges("pgpool-watchdog", {kUser, std::uint64_t{1} << 23U}), is(Level::Ok));
    EXPECT_THAT(judge_privileges("pgpool-vip", {kUser, 0x1000}), is(Level::Fail, "CAP_NET_RAW"));
    EXPECT_THAT(judge_privileges("pgpool-vip", {0, kBoth}), is(Level::Warn, "runs as root"));
    EXPECT_THAT(judge_privileges("pgpool-proxy", {kUser, kBoth}), is(Level::Warn, "does not need: 0x3000"));
}

TEST(Findings, AsTextAndJson) {
    const Findings findings{well("group", "pgpool"), {Level::Warn, "key", "is old", "make one"}};
    EXPECT_EQ(findings_text(findings),
              "OK    group          pgpool\nWARN  key            is old\n                     -> make "
              "one\n\n1 OK, 1 "
              "WARN, 0 FAIL\n");
    EXPECT_TRUE(findings_json(findings)["well"].get<bool>());
    EXPECT_TRUE(findings_json(findings)["findings"][0]["remedy"].is_null());
    EXPECT_FALSE(has_failure(findings));
    EXPECT_TRUE(has_failure({{Level::Fail, "", "", ""}}));
}

}  // namespace
}  // namespace pgpool::ctl
