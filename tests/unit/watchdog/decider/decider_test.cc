// SPDX-License-Identifier: PostgreSQL
// A member that decides about two nodes whose servers are played by the test: what it orders, in which order,
// and what it leaves.
#include "watchdog/decider/decider.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace pgpool::decider {
namespace {

using decide::Finding;
using Kind = voters::CommandOutcome::Kind;

constexpr milliseconds kTurn{100};

class DeciderTest : public testing::Test {
protected:
    DeciderTest() {
        begin({});
        a_.flushed = Lsn(1000);
        a_.lineage = {1, {}};
        a_.followers = {{"b", true, Lsn(1000)}};
        b_.is_standby = b_.has_receiver = b_.is_receiving = true;
        b_.lineage = {1, {}};
        b_.flushed = b_.replayed = Lsn(1000);
        b_.primary_conninfo = "host=10.0.0.1 user=repl";
    }

    // As a watchdog that has this record and has seen nothing.
    void begin(const group::Record& record) {
        Site site;
        site.nodes = {{.name = "a", .host = "10.0.0.1"}, {.name = "b", .host = "10.0.0.2"}};
        site.login.user = "ha";
        decide::ClusterState state = *Decider::state_of(record, site, {});
        decider_.emplace(decider::Setup{"m1", site, {}}, record, std::move(state));
    }

    // One round of probes, and all that follows at once.
    void turn() {
        time_ += kTurn;
        probe(0, is_a_up_ ? std::optional(a_) : std::nullopt);
        probe(1, is_b_up_ ? std::optional(b_) : std::nullopt);
        for (int i = 0; i < 20; ++i) {
            if (!perform(decider_->go_on({time_, WallTime(time_.time_since_epoch())}))) break;
        }
    }
    void turns(int count) {
        for (int i = 0; i < count; ++i) turn();
    }
    void probe(std::size_t node, std::optional<nodes::NodeFacts> facts) {
        decider_->probed({.node = node,
                          .begun = time_,
                          .ended = time_,
                          .finding = facts ? Finding::Well : Finding::Refused,
                          .detail = facts ? "" : "connection refused",
                          .facts = std::move(facts)});
    }
    void lead(std::uint64_t epoch = 5) {
        decider_->synced(true);
        decider_->lease(true, epoch);
    }
    void settle() {
        lead();
        turns(8);
        ASSERT_EQ(phase(), "steady") << decider_->state().reason;
        ASSERT_EQ(decider_->state().sync.needed, 1U);
    }
    [[nodiscard]] std::string phase() const {
        return std::string(decide::info(decider_->state().phase).name);
    }
    [[nodiscard]] bool has_ordered(const std::string& words) const {
        return std::ranges::any_of(
            ordered_, [&](const std::string& order) { return order.find(words) != std::string::npos; });
    }

    bool perform(const std::vector<Action>& actions) {
        for (const Action& action : actions) {
            if (const auto* propose = std::get_if<action::Propose>(&action)) {
                records_.push_back(propose->record);
                if (!is_group_silent_) make_durable();
            } else if (const auto* send = std::get_if<action::Send>(&action)) {
                obey(send->order);
            } else if (const auto* reply = std::get_if<action::Reply>(&action)) {
                answers_.push_back(reply->outcome);
            } else if (std::holds_alternative<action::Park>(action) ||
                       std::holds_alternative<action::Checkpoint>(action)) {
                decider_->told(true, "");
            }
        }
        return !actions.empty();
    }
    void make_durable() {
        ASSERT_TRUE(decider_->learned(records_.back(), {}));
        decider_->durable(records_.back().stamp);
    }
    void obey(const Order& order) {
        nodes::NodeFacts& facts = order.node == 0 ? a_ : b_;
        const std::string& sql = order.command.sql;
        ordered_.push_back((order.node == 0 ? "a: " : "b: ") + sql);
        if (order.node == 1 && is_b_deaf_) return decider_->ended(order.id, {Kind::NotRun, "no session"});
        if (order.node == 0 && !is_a_up_) return decider_->ended(order.id, {Kind::NotRun, "no session"});
        if (sql == "ALTER SYSTEM SET primary_conninfo = ''") {
            facts.primary_conninfo.clear();
            facts.has_receiver = facts.is_receiving = false;
        }
        const std::string sync = "ALTER SYSTEM SET synchronous_standby_names = ";
        if (sql.starts_with(sync))
            facts.sync_names = sql.substr(sync.size() + 1, sql.size() - sync.size() - 2);
        if (sql.find("pg_promote") != std::string::npos && does_promote_) {
            facts.is_standby = false;
            facts.lineage = {2, {{1, facts.flushed}}};
        }
        decider_->ended(order.id, {Kind::Done, ""});
    }

    TimePoint time_{seconds(1000)};
    std::optional<Decider> decider_;
    nodes::NodeFacts a_;
    nodes::NodeFacts b_;
    bool is_a_up_ = true;
    bool is_b_up_ = true;
    bool is_b_deaf_ = false;
    bool does_promote_ = true;
    bool is_group_silent_ = false;
    std::vector<group::Record> records_;
    std::vector<std::string> ordered_;
    std::vector<Result<std::string>> answers_;
};

TEST_F(DeciderTest, WithoutTheLeaseOrTheGroupNothingIsDecided) {
    turns(5);
    decider_->lease(true, 5);
    turns(5);
    EXPECT_TRUE(records_.empty()) << "not in sync";
    decider_->lease(false, 0);
    decider_->synced(true);
    turns(5);
    EXPECT_TRUE(records_.empty()) << "no lease";
}

TEST_F(DeciderTest, ItFindsThePrimaryAndPromisesWhatItHasSet) {
    settle();
    EXPECT_EQ(decider_->state().primary, "a");
    EXPECT_EQ(decider_->state().sync, (decide::SyncRule{1, {"b"}}));
    EXPECT_EQ(a_.sync_names, "ANY 1 (\"b\")");
    for (std::size_t i = 1; i < records_.size(); ++i) EXPECT_GT(records_[i].stamp, records_[i - 1].stamp);
}

TEST_F(DeciderTest, ADeadPrimaryIsCutOffBeforeTheStandbyIsPromoted) {
    settle();
    ordered_.clear();
    is_a_up_ = false;
    turns(8);
    EXPECT_EQ(decider_->state().primary, "b") << decider_->state().reason;
    EXPECT_EQ(phase(), "steady");
    EXPECT_EQ(decider_->state().find("a")->standing, decide::Standing::Quarantined);
    EXPECT_EQ(decider_->state().lineage, (decide::Lineage{2, {{1, Lsn(1000)}}}));
    ASSERT_GE(ordered_.size(), 3U);
    EXPECT_EQ(ordered_[0], "b: ALTER SYSTEM SET primary_conninfo = ''");
    EXPECT_EQ(ordered_[1], "b: pg_catalog.pg_reload_conf()");
    EXPECT_NE(ordered_[2].find("pg_promote"), std::string::npos);
    EXPECT_GT(decider_->state().epoch, 5U) << "above the lease's";
}

TEST_F(DeciderTest, WhatOnceStoppedTheTargetIsTakenBackBeforeItIsPromoted) {
    b_.sync_names = nodes::kStoppedSync;
    settle();
    ordered_.clear();
    is_a_up_ = false;
    turns(8);
    EXPECT_EQ(decider_->state().primary, "b") << decider_->state().reason;
    ASSERT_GE(ordered_.size(), 6U);
    EXPECT_EQ(ordered_[2], "b: ALTER SYSTEM SET synchronous_standby_names = ''");
    EXPECT_EQ(ordered_[3], "b: ALTER SYSTEM RESET default_transaction_read_only");
    EXPECT_EQ(ordered_[4], "b: pg_catalog.pg_reload_conf()");
    EXPECT_NE(ordered_[5].find("pg_promote"), std::string::npos);
}

TEST_F(DeciderTest, NothingIsOrderedBeforeTheRecordIsDurable) {
    settle();
    ordered_.clear();
    is_a_up_ = false;
    is_group_silent_ = true;
    turns(10);
    EXPECT_TRUE(ordered_.empty());
    make_durable();
    turn();
    EXPECT_EQ(phase(), "suspected") << "and the next one waits for its own record";
    EXPECT_TRUE(ordered_.empty());
}

TEST_F(DeciderTest, WhatWasRecordedWhenTheLeaseEndedIsNotOrdered) {
    settle();
    ordered_.clear();
    is_a_up_ = false;
    while (decider_->state().phase != decide::Phase::Cutting) {
        is_group_silent_ = true;
        turn();
        if (!records_.empty() && records_.back().stamp > decider_->stamp()) {
            // Recorded, and then the lease is lost.
            ASSERT_TRUE(decider_->learned(records_.back(), {}));
            if (decider_->state().phase != decide::Phase::Cutting) decider_->durable(records_.back().stamp);
        }
    }
    decider_->lease(false, 0);
    decider_->durable(records_.back().stamp);
    turns(5);
    EXPECT_FALSE(has_ordered("primary_conninfo"));
    // Who takes over goes on from there.
    is_group_silent_ = false;
    lead(9);
    turns(8);
    EXPECT_TRUE(has_ordered("b: ALTER SYSTEM SET primary_conninfo = ''"));
    EXPECT_EQ(decider_->state().primary, "b");
    EXPECT_EQ(records_.back().stamp.epoch, 9U);
}

TEST_F(DeciderTest, APromotionThatDoesNotTakeEffectIsRepeatedUnderAHigherEpoch) {
    settle();
    does_promote_ = false;
    is_a_up_ = false;
    turns(10);
    ASSERT_EQ(phase(), "promoting");
    const std::uint64_t epoch = decider_->state().epoch;
    turns(21);
    EXPECT_EQ(decider_->state().epoch, epoch + 1) << "after its time";
    does_promote_ = true;
    turns(25);
    EXPECT_EQ(decider_->state().primary, "b");
}

TEST_F(DeciderTest, OperatorsAreToldWhyNot) {
    settle();
    decider_->ask(1, bus::request::Promote{"b", false});
    decider_->ask(2, bus::request::Detach{"a", ""});
    decider_->ask(3, bus::request::Attach{"x"});
    turn();
    ASSERT_EQ(answers_.size(), 3U);
    EXPECT_NE(answers_[0].error().message.find("the primary is not gone"), std::string::npos);
    EXPECT_EQ(answers_[1].error().message, "\"a\" is the primary");
    EXPECT_EQ(answers_[2].error().hint, "there are: a, b");
}

TEST_F(DeciderTest, MaintenanceHoldsAFailoverBack) {
    settle();
    decider_->ask(1, bus::request::Maintenance{seconds(60), "kernel"});
    turn();
    ASSERT_EQ(answers_.size(), 1U);
    EXPECT_TRUE(answers_[0]);
    is_a_up_ = false;
    turns(20);
    EXPECT_EQ(phase(), "condemned");
    EXPECT_EQ(decider_->state().primary, "a");
    EXPECT_NE(decider_->waiting_for({time_, WallTime(time_.time_since_epoch())}).find("maintenance"),
              std::string::npos);
    decider_->ask(2, bus::request::Maintenance{});
    turns(10);
    EXPECT_EQ(decider_->state().primary, "b");
}

TEST_F(DeciderTest, APauseHoldsAFailoverBackAndEndsByItself) {
    decider_->ask(1, bus::request::Pause{seconds(2), "minor upgrade"});
    lead();
    turn();
    ASSERT_EQ(answers_.size(), 1U);
    EXPECT_FALSE(answers_[0]) << "no primary is known";
    settle();
    decider_->ask(2, bus::request::Pause{seconds(2), "minor upgrade"});
    turn();
    EXPECT_TRUE(answers_.back());
    ASSERT_TRUE(decider_->state().is_paused());
    is_a_up_ = false;
    turns(15);
    EXPECT_EQ(decider_->state().primary, "a");
    EXPECT_TRUE(decider_->state().is_paused());
    turns(15);
    EXPECT_FALSE(decider_->state().is_paused()) << "its time is over";
    turns(10);
    EXPECT_EQ(decider_->state().primary, "b");
}

TEST_F(DeciderTest, ClientsGoOnWhenTheOperatorSaysSo) {
    settle();
    decider_->ask(1, bus::request::Pause{});
    turn();
    EXPECT_EQ(*answers_.back(), "clients were not paused");
    decider_->ask(2, bus::request::Pause{seconds(60), "minor upgrade"});
    turn();
    EXPECT_TRUE(decider_->state().is_paused());
    decider_->ask(3, bus::request::Pause{});
    turn();
    EXPECT_EQ(*answers_.back(), "clients go on");
    EXPECT_FALSE(decider_->state().is_paused());
}

TEST_F(DeciderTest, ClientsDoNotGoOnBeforeTheirPrimaryIsBack) {
    settle();
    decider_->ask(1, bus::request::Pause{seconds(60), "minor upgrade"});
    turn();
    is_a_up_ = false;
    turns(15);
    decider_->ask(2, bus::request::Pause{});
    turn();
    ASSERT_FALSE(answers_.back());
    EXPECT_EQ(answers_.back().error().message, "\"a\" is not back yet");
    EXPECT_TRUE(decider_->state().is_paused());
    is_a_up_ = true;
    turns(15);
    decider_->ask(3, bus::request::Pause{});
    turns(2);
    EXPECT_TRUE(answers_.back());
    EXPECT_FALSE(decider_->state().is_paused());
    EXPECT_EQ(decider_->state().primary, "a");
}

TEST_F(DeciderTest, ASwitchoverStopsTheOldPrimaryBeforeTheNewOneIsPromoted) {
    settle();
    ordered_.clear();
    decider_->ask(1, bus::request::Switchover{"b"});
    turns(10);
    ASSERT_EQ(answers_.size(), 1U);
    ASSERT_TRUE(answers_[0]) << answers_[0].error().message;
    EXPECT_EQ(decider_->state().primary, "b") << decider_->state().reason;
    const auto place = [&](const std::string& words) {
        return std::ranges::find_if(ordered_,
                                    [&](const auto& one) { return one.find(words) != std::string::npos; }) -
               ordered_.begin();
    };
    EXPECT_LT(place("a: ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (\"no such standby\")'"),
              place("b: CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_promote"));
}

TEST_F(DeciderTest, AStandbyThatIsGoneConfirmsNothingWhateverThePrimaryTells) {
    settle();
    EXPECT_EQ(decider_->waiting_for({time_, {}}), "");
    is_b_up_ = false;
    turns(8);
    EXPECT_EQ(phase(), "steady");
    EXPECT_EQ(
        decider_->waiting_for({time_, {}}),
        "commits wait: 1 of 1 standbys must confirm and 0 stream; start one, detach those that will not "
        "come back, or set durability to available");
    EXPECT_EQ(decider_->state().sync.needed, 1U) << "strict";
}

TEST_F(DeciderTest, WhomAnotherDeciderHasCutOffFollowsAsItDidBefore) {
    settle();
    is_a_up_ = false;
    turns(8);
    const auto cutting = std::ranges::find_if(records_, [](const group::Record& record) {
        return record.text.find("\"phase\": \"cutting\"") != std::string::npos;
    });
    ASSERT_NE(cutting, records_.end());
    b_.is_standby = is_a_up_ = true;  // it was cut off, and no more
    b_.lineage = {1, {}};
    ASSERT_EQ(b_.primary_conninfo, "");
    begin(*cutting);
    ordered_.clear();
    lead(20);
    turns(8);
    EXPECT_TRUE(has_ordered("b: ALTER SYSTEM SET primary_conninfo = ")) << testing::PrintToString(ordered_);
    EXPECT_TRUE(has_ordered("repl")) << "with the health role's login it might not get in";
}

TEST_F(DeciderTest, NobodyIsParkedForATargetThatCannotBeOrdered) {
    settle();
    is_b_deaf_ = true;
    decider_->ask(1, bus::request::Switchover{"b"});
    turns(3);
    EXPECT_EQ(phase(), "steady");
    EXPECT_EQ(decider_->state().reason, "the switchover is dropped, nothing had been done: no session");
    EXPECT_FALSE(has_ordered("no such standby"));
}

TEST_F(DeciderTest, WhatIsNotTakenIsDecidedAnew) {
    is_group_silent_ = true;
    lead();
    turns(3);
    ASSERT_EQ(records_.size(), 1U);
    turns(3);
    ASSERT_EQ(records_.size(), 1U) << "it waits for the group";
    decider_->refused();
    turn();
    EXPECT_EQ(records_.size(), 2U);
}

TEST_F(DeciderTest, ADetachedNodeIsNoTargetAndPromisesNothing) {
    settle();
    decider_->ask(1, bus::request::Detach{"b", "its disk is slow"});
    turns(10);
    EXPECT_EQ(decider_->state().find("b")->standing, decide::Standing::Detached);
    EXPECT_EQ(decider_->state().sync.needed, 0U);
    EXPECT_EQ(a_.sync_names, "");
    is_a_up_ = false;
    turns(20);
    EXPECT_EQ(phase(), "blocked");
    EXPECT_FALSE(has_ordered("pg_promote"));
}

}  // namespace
}  // namespace pgpool::decider
