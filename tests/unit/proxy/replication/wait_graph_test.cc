// SPDX-License-Identifier: PostgreSQL
#include "proxy/replication/wait_graph.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace pgpool::replication {
namespace {

using namespace std::chrono_literals;

// Session s has at node n the process 100 * n + s.
std::uint32_t pid(std::uint16_t node, std::uint64_t session) {
    return 100U * node + static_cast<std::uint32_t>(session);
}

Participant session(std::uint64_t id, milliseconds began, std::vector<std::uint16_t> nodes,
                    Fate fate = Fate::MayEnd) {
    Participant made{.id = {TimePoint(began), id}, .fate = fate, .backends = {}};
    for (const std::uint16_t node : nodes) made.backends.push_back({NodeId(node), pid(node, id)});
    return made;
}

LockWait wait(std::uint16_t node, std::uint64_t waiter, std::vector<std::uint64_t> blockers) {
    LockWait made{.waiter = {NodeId(node), pid(node, waiter)}, .blockers = {}};
    for (const std::uint64_t blocker : blockers) made.blockers.push_back(pid(node, blocker));
    return made;
}

std::vector<std::uint64_t> victims(const std::vector<Participant>& participants,
                                   const std::vector<LockWait>& waits) {
    std::vector<std::uint64_t> found;
    for (const Deadlock& deadlock : find_deadlocks(participants, waits))
        found.push_back(deadlock.victim.session);
    return found;
}

using Victims = std::vector<std::uint64_t>;

TEST(WaitGraph, TwoThatWaitForEachOtherAtTwoNodes) {
    const std::vector all{session(1, 10ms, {0, 1, 2}), session(2, 20ms, {0, 1, 2})};
    EXPECT_EQ(victims(all, {wait(0, 1, {2}), wait(1, 2, {1})}), Victims{2});
    EXPECT_EQ(victims(all, {wait(2, 1, {2}), wait(1, 2, {1})}), Victims{2});
    const auto found = find_deadlocks(all, {wait(0, 1, {2}), wait(1, 2, {1})});
    EXPECT_EQ(found[0].members, (std::vector{all[0].id, all[1].id}));
}

TEST(WaitGraph, WhatIsPreparedIsOfItsSession) {
    std::vector all{session(1, 10ms, {0, 1, 2}), session(2, 20ms, {0, 1, 2})};
    const std::uint64_t sequence = 1'700'000'000'000'000;
    const LockWait for_prepared{.waiter = {NodeId(1), pid(1, 1)}, .blockers = {sequence}};
    EXPECT_EQ(victims(all, {wait(2, 2, {1}), for_prepared}), Victims{}) << "of a dead proxy";
    all[1].backends.push_back({NodeId(1), sequence});
    EXPECT_EQ(victims(all, {wait(2, 2, {1}), for_prepared}), Victims{2});
}

TEST(WaitGraph, TheLastToBeginIsEndedWhateverItsNumber) {
    EXPECT_EQ(
        victims({session(1, 20ms, {0, 1}), session(2, 10ms, {0, 1})}, {wait(0, 1, {2}), wait(1, 2, {1})}),
        Victims{1});
    EXPECT_EQ(
        victims({session(1, 10ms, {0, 1}), session(2, 10ms, {0, 1})}, {wait(0, 1, {2}), wait(1, 2, {1})}),
        Victims{2});
}

TEST(WaitGraph, ThreeAtThreeNodes) {
    const std::vector all{session(1, 10ms, {0, 1, 2}), session(2, 30ms, {0, 1, 2}),
                          session(3, 20ms, {0, 1, 2})};
    EXPECT_EQ(victims(all, {wait(0, 1, {2}), wait(1, 2, {3}), wait(2, 3, {1})}), Victims{2});
    EXPECT_EQ(victims(all, {wait(0, 1, {2}), wait(0, 2, {3}), wait(2, 3, {1})}), Victims{2});
}

TEST(WaitGraph, AReaderAtOneNodeIsPartOfACycle) {
    const std::vector all{session(1, 10ms, {0, 1, 2}), session(2, 20ms, {0, 1, 2}),
                          session(3, 30ms, {1}, Fate::MustStay)};
    EXPECT_EQ(victims(all, {wait(0, 1, {2}), wait(1, 2, {3}), wait(1, 3, {1})}), Victims{2});
}

TEST(WaitGraph, PlainWaitsHaveNoVictim) {
    const std::vector all{session(1, 10ms, {0, 1, 2}), session(2, 20ms, {0, 1, 2}),
                          session(3, 30ms, {0, 1, 2})};
    EXPECT_EQ(victims(all, {}), Victims{});
    EXPECT_EQ(victims(all, {wait(0, 3, {1, 2}), wait(1, 2, {1}), wait(2, 2, {1})}), Victims{});
    EXPECT_EQ(victims({}, {wait(0, 1, {2}), wait(1, 2, {3})}), Victims{});
}

TEST(WaitGraph, ProcessNumbersCountByNode) {
    const std::vector all{session(1, 10ms, {0, 1}), session(2, 20ms, {0, 1})};
    const LockWait at_another{.waiter = {NodeId(1), pid(1, 2)}, .blockers = {pid(0, 1)}};
    EXPECT_EQ(victims(all, {wait(0, 1, {2}), at_another}), Victims{});
}

TEST(WaitGraph, NobodyWaitsForItself) {
    EXPECT_EQ(victims({session(1, 10ms, {0, 1})}, {wait(0, 1, {1}), wait(1, 1, {1})}), Victims{});
}

TEST(WaitGraph, ACycleWithinOneNodeIsLeftToIt) {
    const std::vector all{session(1, 10ms, {0, 1}), session(2, 20ms, {0, 1}), session(3, 30ms, {0, 1})};
    EXPECT_EQ(victims(all, {wait(0, 1, {2}), wait(0, 2, {1})}), Victims{});
    EXPECT_EQ(victims(all, {wait(0, 1, {2}), wait(0, 2, {1}), wait(1, 3, {1})}), Victims{});
    EXPECT_EQ(victims(all, {wait(0, 1, {2}), wait(0, 2, {1}), wait(1, 1, {2})}), Victims{2});
}

TEST(WaitGraph, WhoIsBeingUndoneIsInNobodysWay) {
    EXPECT_EQ(victims({session(1, 10ms, {0, 1}), session(2, 20ms, {0, 1}, Fate::Ending)},
                      {wait(0, 1, {2}), wait(1, 2, {1})}),
              Victims{});
}

TEST(WaitGraph, WhoRollsBackIsChosenBeforeOthers) {
    EXPECT_EQ(victims({session(1, 10ms, {0, 1}, Fate::RollsBack), session(2, 20ms, {0, 1})},
                      {wait(0, 1, {2}), wait(1, 2, {1})}),
              Victims{1});
}

TEST(WaitGraph, WhoMustStayIsNotChosen) {
    EXPECT_EQ(victims({session(1, 10ms, {0, 1}), session(2, 20ms, {0, 1}, Fate::MustStay)},
                      {wait(0, 1, {2}), wait(1, 2, {1})}),
              Victims{1});
    EXPECT_EQ(victims({session(1, 10ms, {0, 1}, Fate::MustStay), session(2, 20ms, {0, 1}, Fate::MustStay)},
                      {wait(0, 1, {2}), wait(1, 2, {1})}),
              Victims{});
}

TEST(WaitGraph, StrangersCloseACycleAndAreNotChosen) {
    EXPECT_EQ(victims({session(1, 10ms, {0, 1}), session(2, 20ms, {0, 1})},
                      {wait(0, 1, {2}), wait(1, 2, {77}), wait(1, 77, {1})}),
              Victims{2});
}

TEST(WaitGraph, TwoCyclesHaveTwoVictims) {
    const std::vector all{session(1, 10ms, {0, 1}), session(2, 20ms, {0, 1}), session(3, 30ms, {0, 1}),
                          session(4, 40ms, {0, 1}), session(5, 50ms, {0, 1})};
    auto found = victims(
        all, {wait(0, 1, {2}), wait(1, 2, {1}), wait(0, 3, {4}), wait(1, 4, {3}), wait(0, 5, {1, 3})});
    std::sort(found.begin(), found.end());
    EXPECT_EQ(found, (Victims{2, 4}));
}

TEST(WaitGraph, ALongQueueBehindACycle) {
    std::vector<Participant> all;
    std::vector<LockWait> waits{wait(0, 1, {2}), wait(1, 2, {1})};
    std::vector<std::uint64_t> ahead{1};
    for (std::uint64_t id = 1; id <= 60; ++id) {
        all.push_back(session(id, milliseconds(id), {0, 1}));
        if (id < 3) continue;
        waits.push_back(wait(0, id, ahead));
        ahead.push_back(id);
    }
    EXPECT_EQ(victims(all, waits), Victims{2});
}

}  // namespace
}  // namespace pgpool::replication
