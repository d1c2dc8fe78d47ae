// SPDX-License-Identifier: PostgreSQL
#include "watchdog/group/exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace pgpool::group {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Process kFirst{1, 100};
constexpr Process kSecond{2, 200};

Record record(std::uint64_t epoch, std::uint64_t revision) {
    return {{epoch, revision}, "state " + std::to_string(epoch) + "." + std::to_string(revision)};
}

template <typename T>
std::vector<T> all(const Actions& actions) {
    std::vector<T> found;
    for (const Action& action : actions) {
        if (const T* it = std::get_if<T>(&action)) found.push_back(*it);
    }
    return found;
}

// Members of one group whose disks answer at once and whose messages come in the order of their sending.
class ExchangeTest : public testing::Test {
protected:
    Exchange& add(Process process, Record on_disk = {}, std::vector<Agreed> agreed = {{"mode", "streaming"}},
                  std::string name = {}) {
        if (name.empty()) name = "m" + std::to_string(process.node);
        auto& member = members[process];
        member = std::make_unique<Exchange>(std::move(name), std::move(agreed), std::move(on_disk));
        return *member;
    }
    void form(const std::vector<Process>& processes) {
        view = {{1, ++ring}, processes};
        queue.clear();
        for (const Process process : processes)
            carry_out(process, members.at(process)->view_changed(view, process));
    }
    void carry_out(Process at, const Actions& actions) {
        for (const Action& action : actions) {
            if (const auto* send = std::get_if<action::Send>(&action)) queue.emplace_back(at, send->message);
            if (const auto* write = std::get_if<action::Write>(&action)) {
                if (holds_writes)
                    unwritten.emplace_back(at, write->record.stamp);
                else
                    carry_out(at, members.at(at)->written(write->record.stamp));
            }
            if (const auto* refused = std::get_if<action::Refused>(&action)) refusals[at].push_back(*refused);
            if (std::holds_alternative<action::Synced>(action)) ++synced[at];
            if (const auto* durable = std::get_if<action::Durable>(&action))
                durables[at].push_back(durable->stamp);
        }
    }
    void deliver() {
        while (!queue.empty()) {
            const auto [from, message] = queue.front();
            queue.pop_front();
            for (const Process to : view.processes) carry_out(to, members.at(to)->delivered(from, message));
        }
    }
    void write() {
        for (const auto& [at, stamp] : std::exchange(unwritten, {}))
            carry_out(at, members.at(at)->written(stamp));
    }

    std::map<Process, std::unique_ptr<Exchange>> members;
    View view;
    std::uint64_t ring = 0;
    std::deque<std::pair<Process, Message>> queue;
    bool holds_writes = false;
    std::vector<std::pair<Process, Stamp>> unwritten;
    std::map<Process, std::vector<action::Refused>> refusals;
    std::map<Process, int> synced;
    std::map<Process, std::vector<Stamp>> durables;
};

TEST_F(ExchangeTest, OneMemberIsInSyncWithItself) {
    Exchange& alone = add(kFirst, record(3, 1));
    form({kFirst});
    EXPECT_FALSE(alone.is_synced());
    deliver();
    EXPECT_TRUE(alone.is_synced());
    EXPECT_EQ(alone.latest(), record(3, 1));
}

TEST_F(ExchangeTest, WhoHasLessWritesTheLatest) {
    Exchange& behind = add(kFirst, record(3, 1));
    add(kSecond, record(4, 7));
    form({kFirst, kSecond});
    holds_writes = true;
    deliver();
    EXPECT_EQ(behind.latest(), record(4, 7));
    EXPECT_FALSE(behind.is_synced()) << "not written yet";
    EXPECT_TRUE(members[kSecond]->is_synced());
    EXPECT_THAT(durables[kSecond], ElementsAre(Stamp{3, 1})) << "no more than both have";
    EXPECT_THAT(members[kSecond]->awaited(), ElementsAre(kFirst));
    write();
    deliver();
    EXPECT_TRUE(behind.is_synced());
    EXPECT_THAT(durables[kSecond], ElementsAre(Stamp{3, 1}, Stamp{4, 7}));
    EXPECT_THAT(members[kSecond]->awaited(), IsEmpty());
}

TEST_F(ExchangeTest, ARecordIsDurableWhenAllHaveWrittenIt) {
    Exchange& decider = add(kFirst);
    add(kSecond);
    form({kFirst, kSecond});
    deliver();
    holds_writes = true;
    carry_out(kFirst, decider.propose(record(1, 1)));
    deliver();
    EXPECT_THAT(durables[kFirst], IsEmpty());
    carry_out(kFirst, decider.written({1, 1}));
    deliver();
    EXPECT_THAT(durables[kFirst], IsEmpty()) << "only here";
    carry_out(kSecond, members[kSecond]->written({1, 1}));
    deliver();
    EXPECT_THAT(durables[kFirst], ElementsAre(Stamp{1, 1}));
}

TEST_F(ExchangeTest, WhatIsNotLaterIsNotProposed) {
    Exchange& decider = add(kFirst, record(5, 2));
    EXPECT_THAT(decider.propose(record(5, 3)), IsEmpty()) << "not in a group";
    form({kFirst});
    deliver();
    EXPECT_THAT(decider.propose(record(5, 2)), IsEmpty());
    EXPECT_THAT(decider.propose(record(4, 9)), IsEmpty());
    EXPECT_EQ(decider.propose(record(5, 3)).size(), 1U);
}

TEST_F(ExchangeTest, OfTwoDecidersTheOneOfTheLaterEpochWins) {
    Exchange& late = add(kFirst);
    Exchange& present = add(kSecond);
    form({kFirst, kSecond});
    deliver();
    carry_out(kSecond, present.propose(record(8, 1)));
    carry_out(kFirst, late.propose(record(7, 9)));
    deliver();
    EXPECT_EQ(late.latest(), record(8, 1));
    EXPECT_EQ(present.latest(), record(8, 1));
    EXPECT_EQ(late.on_disk(), (Stamp{8, 1}));
}

TEST_F(ExchangeTest, AfterAChangeOfTheViewAllTellAnew) {
    Exchange& decider = add(kFirst);
    add(kSecond);
    form({kFirst, kSecond});
    deliver();
    carry_out(kFirst, decider.propose(record(1, 1)));
    form({kFirst});  // what was on its way is lost
    deliver();
    EXPECT_TRUE(decider.is_synced());
    carry_out(kFirst, decider.propose(record(1, 1)));
    deliver();
    EXPECT_THAT(durables[kFirst], ElementsAre(Stamp{1, 1})) << "with all that are in";
    form({kFirst, kSecond});
    EXPECT_FALSE(decider.is_synced());
    deliver();
    EXPECT_EQ(members[kSecond]->latest(), record(1, 1));
}

TEST_F(ExchangeTest, WhoChangesByReloadIsRefusedUntilTheOthersHaveChanged) {
    for (const auto& [early, late] : {std::pair(kFirst, kSecond), std::pair(kSecond, kFirst)}) {
        refusals.clear();
        add(kFirst);
        add(kSecond);
        form({kFirst, kSecond});
        deliver();
        synced.clear();
        carry_out(early, members[early]->set_agreed({{"mode", "replication"}}));
        EXPECT_TRUE(members[early]->is_synced()) << "the group has not said so yet";
        deliver();
        for (const Process at : {kFirst, kSecond}) {
            ASSERT_EQ(refusals[at].size(), 1U);
            EXPECT_EQ(refusals[at][0].process, early);
            EXPECT_EQ(members[at]->members().size(), 1U);
        }
        EXPECT_FALSE(members[early]->is_synced());
        EXPECT_TRUE(members[late]->is_synced());
        carry_out(late, members[late]->propose(record(3, 1)));
        deliver();
        EXPECT_EQ(durables[late].back(), (Stamp{3, 1})) << "without it";
        EXPECT_EQ(members[early]->latest(), record(3, 1)) << "which its clients follow";

        carry_out(late, members[late]->set_agreed({{"mode", "replication"}}));
        deliver();
        EXPECT_TRUE(members[late]->is_synced());
        EXPECT_TRUE(members[early]->is_synced());
        EXPECT_EQ(members[early]->on_disk(), (Stamp{3, 1}));
        EXPECT_EQ(synced[early], 1);
        EXPECT_EQ(synced[late], 0) << "it was all the time";
        EXPECT_EQ(members[early]->members().size(), 2U);
        EXPECT_EQ(refusals[early].size(), 1U);
    }
}

TEST_F(ExchangeTest, AReloadThatChangesNothingIsNotTold) {
    Exchange& first = add(kFirst);
    EXPECT_THAT(first.set_agreed({{"mode", "replication"}}), IsEmpty()) << "in no group yet";
    form({kFirst});
    deliver();
    EXPECT_THAT(first.set_agreed({{"mode", "replication"}}), IsEmpty());
    EXPECT_EQ(first.set_agreed({{"mode", "streaming"}}).size(), 1U);
}

TEST_F(ExchangeTest, WhatWasToldInAnEarlierViewDoesNotCount) {
    Exchange& first = add(kFirst);
    add(kSecond);
    form({kFirst, kSecond});
    const auto old = queue;
    form({kFirst, kSecond});
    queue = old;
    deliver();
    EXPECT_FALSE(first.is_synced());
}

TEST_F(ExchangeTest, ANewcomerThatDiffersIsRefusedByNameAndKnowsIt) {
    Exchange& there = add(kSecond, record(2, 1));
    form({kSecond});
    deliver();
    Exchange& newcomer = add(kFirst, record(9, 9), {{"mode", "replication"}});
    form({kFirst, kSecond});
    deliver();
    EXPECT_TRUE(there.is_synced());
    EXPECT_EQ(there.latest(), record(2, 1)) << "a stranger's state is not taken";
    EXPECT_FALSE(newcomer.is_synced());
    for (const Process at : {kFirst, kSecond}) {
        ASSERT_EQ(refusals[at].size(), 1U);
        EXPECT_EQ(refusals[at][0].process, kFirst);
        EXPECT_EQ(refusals[at][0].name, "m1");
        EXPECT_EQ(refusals[at][0].reason, "mode is replication there and streaming on \"m2\"");
    }
    carry_out(kSecond, there.propose(record(2, 2)));
    deliver();
    EXPECT_EQ(durables[kSecond].back(), (Stamp{2, 2})) << "without it";
    EXPECT_NE(newcomer.latest(), record(9, 10));
}

TEST_F(ExchangeTest, TheSecondOfANameIsRefusedAndTheFirstGoesOn) {
    Exchange& there = add(kSecond, record(2, 1), {}, "m");
    form({kSecond});
    deliver();
    Exchange& copy = add(kFirst, record(9, 9), {}, "m");
    form({kFirst, kSecond});
    EXPECT_EQ(there.member_of(kSecond), "m") << "as in the view before";
    EXPECT_EQ(there.member_of(kFirst), "") << "it was not judged yet";
    deliver();
    for (const Process at : {kFirst, kSecond}) {
        ASSERT_EQ(refusals[at].size(), 1U);
        EXPECT_EQ(refusals[at][0].process, kFirst);
        EXPECT_THAT(refusals[at][0].reason, HasSubstr("node 2 of corosync is named \"m\" already"));
        EXPECT_EQ(members[at]->member_of(kSecond), "m");
        EXPECT_EQ(members[at]->member_of(kFirst), "");
        EXPECT_THAT(members[at]->members(), ElementsAre("m"));
    }
    EXPECT_EQ(copy.refusal_of(kFirst), refusals[kFirst][0].reason);
    EXPECT_EQ(copy.refusal_of(kSecond), "");
    EXPECT_FALSE(copy.is_synced());
    EXPECT_EQ(there.latest(), record(2, 1));
    form({kFirst});
    deliver();
    EXPECT_EQ(copy.member_of(kFirst), "m") << "the other one has left";
}

TEST_F(ExchangeTest, WhoTellsLateAndHasTheNameOfAnotherIsRefused) {
    Exchange& there = add(kFirst, {}, {}, "m");
    add(kSecond, {}, {}, "m");
    form({kFirst, kSecond});
    const auto late = queue.back();
    queue.pop_back();
    carry_out(kFirst, there.delivered(kFirst, queue.front().second));
    carry_out(kFirst, there.ignore(kSecond));
    EXPECT_TRUE(there.is_synced());
    carry_out(kFirst, there.delivered(late.first, late.second));
    EXPECT_EQ(there.member_of(kFirst), "m");
    EXPECT_EQ(there.member_of(kSecond), "");
    EXPECT_FALSE(there.refusal_of(kSecond).empty());
}

TEST_F(ExchangeTest, WithoutANameNobodyIsAMember) {
    Exchange& there = add(kSecond);
    form({kSecond});
    deliver();
    Exchange& stranger = add(kFirst);
    form({kFirst, kSecond});
    std::get<message::Told>(queue.front().second).name.clear();
    deliver();
    EXPECT_EQ(there.refusal_of(kFirst), "it has no name");
    EXPECT_FALSE(stranger.is_synced());
    carry_out(kSecond, there.delivered(kFirst, message::Proposed{record(9, 9)}));
    EXPECT_EQ(there.latest(), Record{});
}

TEST_F(ExchangeTest, WhoHasNotToldProposesNothing) {
    Exchange& there = add(kSecond);
    form({kSecond});
    deliver();
    add(kFirst);
    form({kFirst, kSecond});
    carry_out(kSecond, there.delivered(kFirst, message::Proposed{record(9, 9)}));
    EXPECT_EQ(there.latest(), Record{});
}

TEST_F(ExchangeTest, AtAColdStartTheLaterRecordThenTheLowerNodeIsRight) {
    add(kFirst, record(1, 1));
    add(kSecond, record(1, 2), {{"mode", "replication"}});
    form({kFirst, kSecond});
    deliver();
    EXPECT_FALSE(members[kFirst]->is_synced());
    EXPECT_TRUE(members[kSecond]->is_synced());
    add(kFirst, record(1, 1));
    add(kSecond, record(1, 1), {{"mode", "replication"}});
    form({kFirst, kSecond});
    deliver();
    EXPECT_TRUE(members[kFirst]->is_synced());
    EXPECT_FALSE(members[kSecond]->is_synced());
}

TEST_F(ExchangeTest, AParameterThatTheOtherDoesNotKnowIsNoDifference) {
    add(kFirst, {}, {{"mode", "streaming"}, {"new", "1"}});
    add(kSecond);
    form({kFirst, kSecond});
    deliver();
    EXPECT_TRUE(members[kFirst]->is_synced());
    EXPECT_TRUE(members[kSecond]->is_synced());
}

TEST_F(ExchangeTest, ProtocolsOneApartGoTogetherAndTwoApartDoNot) {
    for (const auto& [protocol, is_taken] : {std::pair(2, true), std::pair(3, false)}) {
        Exchange& first = add(kFirst);
        add(kSecond);
        form({kFirst, kSecond});
        std::get<message::Told>(queue.back().second).protocol = static_cast<std::uint16_t>(protocol);
        refusals.clear();
        deliver();
        EXPECT_TRUE(first.is_synced());
        EXPECT_EQ(refusals[kFirst].empty(), is_taken);
        if (is_taken) continue;
        EXPECT_THAT(refusals[kFirst][0].reason, HasSubstr("update one of them"));
    }
}

TEST_F(ExchangeTest, WhoDoesNotAnswerIsIgnoredUntilItHasTheLatest) {
    Exchange& decider = add(kFirst);
    Exchange& stopped = add(kSecond);
    form({kFirst, kSecond});
    deliver();
    carry_out(kFirst, decider.propose(record(1, 1)));
    const auto missed = queue.front();
    carry_out(kFirst, decider.delivered(missed.first, missed.second));
    queue.pop_front();
    for (; !queue.empty(); queue.pop_front())
        carry_out(kFirst, decider.delivered(kFirst, queue.front().second));
    EXPECT_THAT(durables[kFirst], IsEmpty());
    EXPECT_THAT(decider.awaited(), ElementsAre(kSecond));
    EXPECT_FALSE(decider.has_latest(kSecond));
    EXPECT_TRUE(decider.has_latest(kFirst));
    carry_out(kFirst, decider.ignore(kSecond));
    EXPECT_THAT(durables[kFirst], ElementsAre(Stamp{1, 1}));
    EXPECT_FALSE(decider.has_latest(kSecond)) << "nobody waits for it, and it has not got it either";

    carry_out(kSecond, stopped.delivered(missed.first, missed.second));  // it goes on
    deliver();
    EXPECT_TRUE(decider.has_latest(kSecond));
    holds_writes = true;
    carry_out(kFirst, decider.propose(record(1, 2)));
    deliver();
    carry_out(kFirst, decider.written({1, 2}));
    deliver();
    EXPECT_THAT(durables[kFirst], ElementsAre(Stamp{1, 1})) << "it counts again";
}

TEST_F(ExchangeTest, WhoIsIgnoredBeforeItHasToldIsTakenInLater) {
    Exchange& decider = add(kFirst, record(1, 1));
    add(kSecond, record(1, 2));
    form({kFirst, kSecond});
    const auto late = queue.back();
    queue.pop_back();
    carry_out(kFirst, decider.delivered(kFirst, queue.front().second));
    EXPECT_FALSE(decider.is_synced());
    carry_out(kFirst, decider.ignore(kSecond));
    EXPECT_TRUE(decider.is_synced());
    carry_out(kFirst, decider.delivered(late.first, late.second));
    EXPECT_EQ(decider.latest(), record(1, 2));
}

TEST_F(ExchangeTest, StrangersAndUnknownProcessesAreNotHeard) {
    Exchange& first = add(kFirst);
    form({kFirst});
    deliver();
    EXPECT_THAT(first.delivered(kSecond, message::Proposed{record(9, 9)}), IsEmpty());
    EXPECT_THAT(first.ignore(kSecond), IsEmpty());
    EXPECT_EQ(first.latest(), Record{});
}

// Three members, one of whom at a time proposes; views change, members restart from their disks, messages of
// a view come to a part of its members only if these leave it. Whatever happens: see exchange.h.
class RandomExchange : public testing::TestWithParam<unsigned> {
protected:
    static constexpr std::array kProcesses{Process{1, 0}, Process{2, 0}, Process{3, 0}};
    struct Member {
        std::unique_ptr<Exchange> exchange;
        Process process;
        Record disk;
        std::deque<Record> writes;
        std::size_t heard = 0;  // of the messages of its view
        std::shared_ptr<struct Group> group;
    };
};

struct Group {
    View view;
    std::vector<std::pair<Process, Message>> messages;
};

TEST_P(RandomExchange, KeepsItsInvariants) {
    std::mt19937 random(GetParam());
    const auto draw = [&](std::size_t n) {
        return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
    };
    std::array<Member, 3> members;
    std::uint32_t pid = 0;
    std::uint64_t ring = 0;
    std::uint64_t epoch = 0;
    std::size_t durables = 0;

    const auto carry_out = [&](Member& at, const Actions& actions) {
        for (const Action& action : actions) {
            if (const auto* send = std::get_if<action::Send>(&action))
                at.group->messages.emplace_back(at.process, send->message);
            if (const auto* write = std::get_if<action::Write>(&action)) at.writes.push_back(write->record);
            if (const auto* durable = std::get_if<action::Durable>(&action)) {
                ++durables;
                for (const Member& other : members) {
                    if (other.group != at.group) continue;
                    EXPECT_GE(other.disk.stamp, durable->stamp);
                }
            }
            if (std::holds_alternative<action::Synced>(action)) {
                EXPECT_EQ(at.disk.stamp, at.exchange->on_disk());
            }
        }
    };
    const auto start = [&](Member& member, std::size_t index) {
        member.process = {kProcesses[index].node, ++pid};
        member.writes.clear();
        member.exchange =
            std::make_unique<Exchange>("m" + std::to_string(index), std::vector<Agreed>{}, member.disk);
    };
    const auto regroup = [&] {
        std::array<std::shared_ptr<Group>, 2> sides{std::make_shared<Group>(), std::make_shared<Group>()};
        for (Member& member : members) member.group = sides[draw(3) == 0];
        for (const auto& side : sides) {
            side->view.ring = {1, ++ring};
            for (const Member& member : members) {
                if (member.group == side) side->view.processes.push_back(member.process);
            }
        }
        for (Member& member : members) {
            member.heard = 0;
            carry_out(member, member.exchange->view_changed(member.group->view, member.process));
        }
    };
    for (std::size_t i = 0; i < members.size(); ++i) start(members[i], i);
    regroup();

    for (int step = 0; step < 20'000; ++step) {
        Member& member = members[draw(3)];
        const std::size_t what = draw(200);
        if (what == 0) {
            regroup();
        } else if (what == 1) {
            start(member, static_cast<std::size_t>(&member - members.data()));
            regroup();
        } else if (what < 20) {
            const Stamp last = member.exchange->latest().stamp;
            if (draw(4) == 0) epoch = std::max(epoch, last.epoch) + 1;
            carry_out(member,
                      member.exchange->propose({{std::max(epoch, last.epoch), last.revision + 1}, "s"}));
        } else if (what < 80 && !member.writes.empty()) {
            const Record record = member.writes.front();
            member.writes.pop_front();
            EXPECT_GT(record.stamp, member.disk.stamp);
            member.disk = record;
            carry_out(member, member.exchange->written(record.stamp));
        } else if (member.heard < member.group->messages.size()) {
            const auto message = member.group->messages[member.heard++];
            carry_out(member, member.exchange->delivered(message.first, message.second));
        }
    }
    EXPECT_GT(durables, 100U);

    for (Member& member : members) member.group = nullptr;  // all come together and go to the end
    auto whole = std::make_shared<Group>();
    whole->view.ring = {1, ++ring};
    for (Member& member : members) {
        member.group = whole;
        member.heard = 0;
        whole->view.processes.push_back(member.process);
    }
    for (Member& member : members)
        carry_out(member, member.exchange->view_changed(whole->view, member.process));
    for (int round = 0; round < 1000; ++round) {
        for (Member& member : members) {
            for (; !member.writes.empty(); member.writes.pop_front()) {
                member.disk = member.writes.front();
                carry_out(member, member.exchange->written(member.disk.stamp));
            }
            if (member.heard < whole->messages.size()) {
                const auto message = whole->messages[member.heard++];
                carry_out(member, member.exchange->delivered(message.first, message.second));
            }
        }
    }
    for (const Member& member : members) {
        EXPECT_TRUE(member.exchange->is_synced());
        EXPECT_EQ(member.disk.stamp, members[0].disk.stamp);
        EXPECT_THAT(member.exchange->awaited(), IsEmpty());
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomExchange, testing::Range(1U, 21U));

}  // namespace
}  // namespace pgpool::group
