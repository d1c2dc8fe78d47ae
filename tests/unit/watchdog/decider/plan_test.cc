// SPDX-License-Identifier: PostgreSQL
// The orders of a switchover from "a" to "b" while "c" and "d" stream as well.
#include "watchdog/decider/plan.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace pgpool::decider {
namespace {

using decide::Action;

constexpr TimePoint kBegin{seconds(100)};
constexpr std::size_t kA = 0;
constexpr std::size_t kB = 1;
constexpr std::size_t kC = 2;
constexpr std::size_t kD = 3;

class SwitchoverPlan : public testing::Test {
protected:
    SwitchoverPlan() {
        for (const char* name : {"a", "b", "c", "d"})
            site_.nodes.push_back({.name = name, .host = std::string("10.0.0.") + name});
        state_ = decide::first_state({"a", "b", "c", "d"}, {});
        state_.primary = "a";
        state_.target = "b";
        state_.is_planned = true;
        facts_.resize(4);
        for (std::size_t i = kB; i <= kD; ++i) {
            facts_[i].is_standby = facts_[i].has_receiver = true;
            facts_[i].primary_conninfo = "host=10.0.0.a";
        }
        facts_[kA].sync_names = nodes::kStoppedSync;
        for (nodes::NodeFacts& facts : facts_) facts.flushed = Lsn(100);
    }

    void cut(std::size_t node) {
        facts_[node].primary_conninfo.clear();
        facts_[node].has_receiver = false;
    }
    [[nodiscard]] Probes probes() const {
        Probes probes;
        for (std::size_t i = 0; i < facts_.size(); ++i) {
            const auto begun = kBegin + milliseconds(10) * static_cast<int>(i + 1);
            probes.emplace_back(
                nodes::Probe{.node = i, .begun = begun, .ended = begun, .detail = {}, .facts = facts_[i]});
        }
        return probes;
    }
    [[nodiscard]] Work plan(decide::ActionSet actions) const {
        std::vector<decide::NodeSight> sights;
        for (std::size_t i = 0; i < facts_.size(); ++i)
            sights.push_back(nodes::sight_of(facts_[i], site_.nodes[i], site_.nodes));
        for (const std::size_t away : unreached_) sights[away].is_reached = false;
        return plan_work(actions, state_, sights, probes(), site_, kBegin);
    }
    // Whom orders go to, all of them obeyed.
    [[nodiscard]] static std::vector<std::size_t> carry_out(Work& work) {
        Desk desk;
        std::vector<std::size_t> ordered;
        for (auto orders = work.orders(desk); !orders.empty(); orders = work.orders(desk)) {
            for (const Order& order : orders) {
                ordered.push_back(order.node);
                desk.ended(order.id);
                work.ended(order.id, {voters::CommandOutcome::Kind::Done, ""});
            }
        }
        std::ranges::sort(ordered);
        ordered.erase(std::ranges::unique(ordered).begin(), ordered.end());
        return ordered;
    }

    Site site_;
    decide::ClusterState state_;
    std::vector<nodes::NodeFacts> facts_;
    std::vector<std::size_t> unreached_;
};

TEST_F(SwitchoverPlan, AllButTheTargetAreCutOffWhenThePrimaryIsStopped) {
    Work work = plan({Action::CutStandbys, Action::StopPrimary});
    EXPECT_EQ(carry_out(work), (std::vector{kA, kC, kD}));
    cut(kC);
    EXPECT_EQ(work.state(probes()), Work::State::UnderWay);
    cut(kD);
    EXPECT_EQ(work.state(probes()), Work::State::Done);
}

TEST_F(SwitchoverPlan, WhoCannotBeReachedIsNotWaitedFor) {
    unreached_ = {kD};
    Work work = plan({Action::CutStandbys, Action::StopPrimary});
    EXPECT_EQ(carry_out(work), (std::vector{kA, kC}));
}

TEST_F(SwitchoverPlan, WhomTheTargetGetsItsWalFromStays) {
    facts_[kB].primary_conninfo = "host=10.0.0.c";
    Work work = plan({Action::CutStandbys, Action::StopPrimary});
    EXPECT_EQ(carry_out(work), (std::vector{kA, kD}));
}

TEST_F(SwitchoverPlan, TheTargetMustHaveAllThatTheOthersHave) {
    cut(kC);
    cut(kD);
    facts_[kC].flushed = Lsn(101);
    const Work work = plan({Action::AwaitEqual});
    EXPECT_EQ(work.state(probes()), Work::State::UnderWay) << "\"c\" got a record that came after the stop";
    facts_[kB].flushed = Lsn(101);
    EXPECT_EQ(work.state(probes()), Work::State::Done);
}

TEST_F(SwitchoverPlan, WhoIsOutOfServiceDoesNotCount) {
    cut(kC);
    facts_[kC].flushed = Lsn(500);
    state_.nodes[kC].standing = decide::Standing::Quarantined;
    EXPECT_EQ(plan({Action::AwaitEqual}).state(probes()), Work::State::Done);
}

}  // namespace
}  // namespace pgpool::decider
