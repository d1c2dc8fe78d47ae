// SPDX-License-Identifier: PostgreSQL
#include "watchdog/decider/work.h"

#include <gtest/gtest.h>

namespace pgpool::decider {
namespace {

using Kind = voters::CommandOutcome::Kind;
const TimePoint kBegin{seconds(100)};

nodes::Probe probe(std::size_t node, TimePoint begun, nodes::NodeFacts facts) {
    return {.node = node,
            .begun = begun,
            .ended = begun + milliseconds(5),
            .finding = decide::Finding::Well,
            .detail = {},
            .facts = std::move(facts)};
}

TEST(Work, AtANodeOneOrderAfterTheOther) {
    Desk desk;
    Work work(kBegin);
    work.add(0, nodes::cut_off());
    work.add(1, nodes::cut_off());
    const auto first = work.orders(desk);
    ASSERT_EQ(first.size(), 2U) << "both nodes at once";
    EXPECT_TRUE(work.orders(desk).empty());
    desk.ended(first[0].id);
    work.ended(first[0].id, {Kind::Done, ""});
    const auto second = work.orders(desk);
    ASSERT_EQ(second.size(), 1U);
    EXPECT_EQ(second[0].node, first[0].node);
    EXPECT_EQ(second[0].command.sql, "pg_catalog.pg_reload_conf()");
    EXPECT_EQ(work.state({}), Work::State::UnderWay);
}

TEST(Work, AnOrderOfOtherWorkIsWaitedFor) {
    Desk desk;
    Work before(kBegin);
    before.add(0, nodes::promote());
    const auto sent = before.orders(desk);
    Work work(kBegin);
    work.add(0, nodes::promote());
    EXPECT_TRUE(work.orders(desk).empty());
    desk.ended(sent[0].id);
    EXPECT_EQ(work.orders(desk).size(), 1U);
}

TEST(Work, FailsWhenTheOthersHaveEnded) {
    Desk desk;
    Work work(kBegin);
    work.add(0, nodes::cut_off());
    work.add(1, nodes::promote());
    const auto sent = work.orders(desk);
    for (const Order& order : sent) desk.ended(order.id);
    work.ended(sent[0].id, {Kind::NotRun, "no session"});
    EXPECT_EQ(work.state({}), Work::State::UnderWay);
    work.ended(sent[1].id, {Kind::Done, ""});
    EXPECT_EQ(work.state({}), Work::State::Failed);
    EXPECT_EQ(work.problem(), "no session");
    EXPECT_TRUE(work.orders(desk).empty()) << "what comes after a failure at a node is not sent";
}

TEST(Work, WhatWasSeenBeforeProvesNothing) {
    nodes::NodeFacts writes;
    Probes probes(1);
    Work work(kBegin);
    work.await({.kind = Goal::Kind::Promoted, .node = 0});
    probes[0] = probe(0, kBegin - milliseconds(1), writes);
    EXPECT_EQ(work.state(probes), Work::State::UnderWay);
    probes[0] = probe(0, kBegin, writes);
    EXPECT_EQ(work.state(probes), Work::State::Done);
}

TEST(Work, TheTargetIsEqualByAProbeAfterThatOfTheStoppedPrimary) {
    nodes::NodeFacts primary;
    primary.flushed = Lsn(100);
    nodes::NodeFacts target;
    target.is_standby = true;
    target.flushed = Lsn(100);
    Probes probes(2);
    Work work(kBegin);
    work.await({.kind = Goal::Kind::Equal, .node = 1, .other = 0});
    probes[0] = probe(0, kBegin, primary);
    probes[1] = probe(1, kBegin + seconds(1), target);
    EXPECT_EQ(work.state(probes), Work::State::UnderWay) << "the primary goes on writing";
    primary.sync_names = nodes::kStoppedSync;
    primary.clients = 1;
    probes[0] = probe(0, kBegin, primary);
    EXPECT_EQ(work.state(probes), Work::State::UnderWay) << "a session may still end its commit";
    primary.clients = 0;
    probes[0] = probe(0, kBegin, primary);
    EXPECT_EQ(work.state(probes), Work::State::Done);
    probes[1] = probe(1, kBegin, target);
    EXPECT_EQ(work.state(probes), Work::State::UnderWay) << "seen before the primary was";
    target.flushed = Lsn(99);
    probes[1] = probe(1, kBegin + seconds(1), target);
    EXPECT_EQ(work.state(probes), Work::State::UnderWay);
}

TEST(Work, WhoComesToAStoppedPrimaryIsEndedOnceForEachLook) {
    nodes::NodeFacts primary;
    primary.sync_names = nodes::kStoppedSync;
    primary.clients = 1;
    Probes probes(2);
    Desk desk;
    Work work(kBegin);
    work.await({.kind = Goal::Kind::Equal, .node = 1, .other = 0});
    probes[0] = probe(0, kBegin - seconds(1), primary);
    work.look(probes);
    EXPECT_TRUE(work.orders(desk).empty()) << "seen before the stop";
    for (const milliseconds later : {milliseconds(100), milliseconds(200)}) {
        probes[0] = probe(0, kBegin + later, primary);
        work.look(probes);
        const auto sent = work.orders(desk);
        ASSERT_EQ(sent.size(), 1U);
        EXPECT_EQ(sent[0].command.sql, nodes::end_clients().sql);
        desk.ended(sent[0].id);
        work.ended(sent[0].id, {Kind::Done, ""});
        work.look(probes);
        EXPECT_TRUE(work.orders(desk).empty());
    }
}

TEST(Work, WhatOthersDoIsWaitedFor) {
    Work work(kBegin);
    work.await({.kind = Goal::Kind::Told});
    EXPECT_EQ(work.state({}), Work::State::UnderWay);
    work.told(true, "");
    EXPECT_EQ(work.state({}), Work::State::Done);
    work.told(false, "a client does not end its transaction");
    EXPECT_EQ(work.state({}), Work::State::Failed);
}

}  // namespace
}  // namespace pgpool::decider
