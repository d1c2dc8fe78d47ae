// SPDX-License-Identifier: PostgreSQL
#include "proxy/pool/pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgpool::pool {
namespace {

using route::Target;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr NodeId kPrimary(0);
constexpr NodeId kStandby(1);

struct Connection final : Pooled {
    using Pooled::Pooled;
};
struct Client final : Waiter {};

TimePoint at(int second) {
    return TimePoint{} + seconds(second);
}

Pool make_pool() {
    return {"amy", "app"};
}

// Opened, used, and idle since `second`.
void add_idle(Pool& pool, Connection& connection, int second) {
    pool.opening(connection.pool_node());
    pool.opened(connection.pool_node());
    pool.put_idle(connection, at(second));
}

void expect_count(const Pool& pool, NodeId node, std::uint32_t opening, std::uint32_t idle,
                  std::uint32_t in_use) {
    const Pool::Counts counts = pool.count(node);
    EXPECT_EQ(counts.opening, opening);
    EXPECT_EQ(counts.idle, idle);
    EXPECT_EQ(counts.in_use, in_use);
    EXPECT_EQ(counts.open(), opening + idle + in_use);
}

TEST(Pool, EachConnectionIsOpeningIdleOrInUse) {
    Pool pool = make_pool();
    Connection connection(kPrimary, at(0));
    expect_count(pool, kPrimary, 0, 0, 0);
    pool.opening(kPrimary);
    expect_count(pool, kPrimary, 1, 0, 0);
    pool.opened(kPrimary);
    expect_count(pool, kPrimary, 0, 0, 1);
    pool.put_idle(connection, at(1));
    expect_count(pool, kPrimary, 0, 1, 0);
    EXPECT_EQ(pool.take_idle(kPrimary), &connection);
    expect_count(pool, kPrimary, 0, 0, 1);
    pool.left_use(kPrimary);
    pool.put_in_use(kPrimary);
    expect_count(pool, kPrimary, 0, 0, 1);
    pool.put_idle(connection, at(2));
    pool.remove_idle(connection);
    expect_count(pool, kPrimary, 0, 0, 0);
    expect_count(pool, kStandby, 0, 0, 0);
}

TEST(Pool, NodesAreCountedByThemselves) {
    Pool pool = make_pool();
    Connection here(kPrimary, at(0));
    Connection there(kStandby, at(0));
    add_idle(pool, here, 1);
    add_idle(pool, there, 1);
    EXPECT_EQ(pool.take_idle(kStandby), &there);
    EXPECT_EQ(pool.take_idle(kStandby), nullptr);
    expect_count(pool, kPrimary, 0, 1, 0);
    expect_count(pool, kStandby, 0, 0, 1);
}

TEST(Pool, CheckedConnectionIsAsIdleAsBefore) {
    Pool pool = make_pool();
    Connection older(kPrimary, at(0));
    Connection newer(kPrimary, at(0));
    add_idle(pool, older, 1);
    add_idle(pool, newer, 2);
    pool.remove_idle(older);
    pool.put_in_use(kPrimary);
    pool.put_back(older, at(9));
    EXPECT_EQ(older.idle_since(), at(1));
    EXPECT_EQ(older.alive_at(), at(9));
    EXPECT_THAT(pool.idle(kPrimary), ElementsAre(&older, &newer));
    EXPECT_THAT(pool.surplus(at(2), at(0), 0), ElementsAre(&older));
    expect_count(pool, kPrimary, 0, 2, 0);
}

TEST(Pool, IdleConnectionsAreUsedLastInFirstOut) {
    Pool pool = make_pool();
    Connection first(kPrimary, at(0));
    Connection second(kPrimary, at(0));
    Connection third(kPrimary, at(0));
    for (Connection* connection : {&first, &second, &third}) add_idle(pool, *connection, 1);
    pool.remove_idle(second);
    EXPECT_THAT(pool.idle(kPrimary), ElementsAre(&first, &third));
    EXPECT_EQ(pool.take_idle(kPrimary), &third);
    pool.put_idle(third, at(5));
    EXPECT_EQ(third.idle_since(), at(5));
    EXPECT_EQ(pool.take_idle(kPrimary), &third);
    EXPECT_EQ(pool.take_idle(kPrimary), &first);
    EXPECT_EQ(pool.take_idle(kPrimary), nullptr);
}

TEST(Pool, SurplusIsWhatWasIdleLongestBeyondThoseToKeep) {
    Pool pool = make_pool();
    Connection oldest(kPrimary, at(0));
    Connection older(kPrimary, at(0));
    Connection recent(kPrimary, at(0));
    add_idle(pool, oldest, 1);
    add_idle(pool, older, 2);
    add_idle(pool, recent, 9);
    EXPECT_THAT(pool.surplus(at(5), at(0), 0), ElementsAre(&oldest, &older));
    EXPECT_THAT(pool.surplus(at(5), at(0), 2), ElementsAre(&oldest));
    EXPECT_THAT(pool.surplus(at(5), at(0), 3), IsEmpty());
    EXPECT_THAT(pool.surplus(at(2), at(0), 0), ElementsAre(&oldest)) << "idle since just then is not before";
    expect_count(pool, kPrimary, 0, 3, 0);
}

TEST(Pool, WhatIsToKeepCountsThoseInUseAndThoseBeingOpened) {
    Pool pool = make_pool();
    Connection idle(kPrimary, at(0));
    add_idle(pool, idle, 1);
    EXPECT_THAT(pool.surplus(at(5), at(0), 1), IsEmpty());
    pool.put_in_use(kPrimary);
    EXPECT_THAT(pool.surplus(at(5), at(0), 1), ElementsAre(&idle));
    pool.left_use(kPrimary);
    pool.opening(kPrimary);
    EXPECT_THAT(pool.surplus(at(5), at(0), 1), ElementsAre(&idle));
}

TEST(Pool, WhatIsTooOldIsSurplusHoweverManyAreToKeep) {
    Pool pool = make_pool();
    Connection old(kPrimary, at(1));
    Connection young(kPrimary, at(6));
    Connection elsewhere(kStandby, at(1));
    for (Connection* connection : {&old, &young, &elsewhere}) add_idle(pool, *connection, 9);
    EXPECT_THAT(pool.surplus(at(0), at(5), 10), ElementsAre(&old, &elsewhere));
    EXPECT_THAT(pool.surplus(at(0), at(1), 10), IsEmpty());
}

TEST(Pool, AFailedAttemptPutsOffTheNextAtThatNode) {
    Pool pool = make_pool();
    EXPECT_TRUE(pool.may_open(kPrimary, at(0)));
    pool.opening(kPrimary);
    pool.open_failed(kPrimary, at(10));
    expect_count(pool, kPrimary, 0, 0, 0);
    EXPECT_FALSE(pool.may_open(kPrimary, at(9)));
    EXPECT_TRUE(pool.may_open(kPrimary, at(10)));
    EXPECT_TRUE(pool.may_open(kStandby, at(0)));
}

TEST(Pool, RemembersWhichVersionOfTheLimitsRefused) {
    Pool pool = make_pool();
    EXPECT_EQ(pool.refused_at(kPrimary), 0U);
    pool.refused(kPrimary, 7);
    EXPECT_EQ(pool.refused_at(kPrimary), 7U);
    EXPECT_EQ(pool.refused_at(kStandby), 0U);
    pool.refused(kPrimary, 8);
    EXPECT_EQ(pool.refused_at(kPrimary), 8U);
}

TEST(Pool, ServesWaitersFirstInFirstOut) {
    Pool pool = make_pool();
    Client first;
    Client second;
    pool.enqueue(first, Target::primary(), at(1));
    pool.enqueue(second, Target::primary(), at(2));
    EXPECT_THAT(pool.waiters(), ElementsAre(&first, &second));
    EXPECT_EQ(pool.longest_waiting(), &first);
    EXPECT_EQ(first.since(), at(1));
    EXPECT_EQ(pool.take_waiter(kPrimary, true), &first);
    EXPECT_FALSE(first.waiting());
    EXPECT_TRUE(second.waiting());
    EXPECT_EQ(pool.take_waiter(kPrimary, true), &second);
    EXPECT_EQ(pool.take_waiter(kPrimary, true), nullptr);
    EXPECT_EQ(pool.longest_waiting(), nullptr);
}

TEST(Pool, PassesOverWaitersThatAConnectionDoesNotFit) {
    Pool pool = make_pool();
    Client of_primary;
    Client of_standby;
    Client of_node_zero;
    pool.enqueue(of_primary, Target::primary(), at(1));
    pool.enqueue(of_standby, Target::at(kStandby), at(2));
    pool.enqueue(of_node_zero, Target::at(kPrimary), at(3));
    EXPECT_EQ(pool.waiting(), 3U);
    EXPECT_EQ(pool.waiting(kPrimary, true), 2U);
    EXPECT_EQ(pool.waiting(kPrimary, false), 1U) << "node 0 as a standby";
    EXPECT_EQ(pool.waiting(kStandby, false), 1U);
    EXPECT_EQ(pool.waiting(kStandby, true), 2U) << "node 1 after a failover";
    EXPECT_FALSE(pool.has_waiter(NodeId(2), false));
    EXPECT_EQ(pool.take_waiter(kStandby, false), &of_standby);
    EXPECT_FALSE(pool.has_waiter(kStandby, false));
    EXPECT_EQ(pool.take_waiter(kPrimary, false), &of_node_zero);
    EXPECT_EQ(pool.take_waiter(kStandby, true), &of_primary);
    EXPECT_EQ(pool.waiting(), 0U);
}

TEST(Pool, WhoLeavesTheQueueLeavesTheOthersInTheirOrder) {
    Client clients[3];
    for (Client& leaving : clients) {
        Pool pool = make_pool();
        std::vector<Waiter*> expected;
        for (Client& client : clients) {
            pool.enqueue(client, Target::primary(), at(1));
            if (&client != &leaving) expected.push_back(&client);
        }
        pool.remove(leaving);
        pool.remove(leaving);  // who does not wait is left alone
        EXPECT_EQ(pool.waiters(), expected);
        EXPECT_EQ(pool.waiting(), 2U);
        pool.enqueue(leaving, Target::primary(), at(2));
        expected.push_back(&leaving);
        EXPECT_EQ(pool.waiters(), expected);
        for (Client& client : clients) pool.remove(client);
        EXPECT_EQ(pool.waiting(), 0U);
    }
}

TEST(Pool, EndsAtOnceIfNoNodeEverLetItIn) {
    Pool pool = make_pool();
    pool.joined(at(0));
    EXPECT_FALSE(pool.outlived(at(1))) << "a client is there";
    pool.opening(kPrimary);
    pool.left();
    EXPECT_FALSE(pool.outlived(at(2))) << "a connection is being opened";
    pool.open_failed(kPrimary, at(3));
    EXPECT_TRUE(pool.outlived(at(3)));
}

TEST(Pool, EndsLongAfterItsLastUse) {
    constexpr int kKeep = static_cast<int>(Pool::kKeepUnused.count());
    Pool pool = make_pool();
    Connection connection(kPrimary, at(0));
    pool.joined(at(0));
    add_idle(pool, connection, 1);
    pool.left();
    EXPECT_FALSE(pool.outlived(at(2 * kKeep))) << "a connection is there";
    pool.remove_idle(connection);
    EXPECT_FALSE(pool.outlived(at(2 * kKeep)));
    EXPECT_FALSE(pool.outlived(at(3 * kKeep - 1)));
    pool.joined(at(3 * kKeep - 1));
    pool.left();
    EXPECT_FALSE(pool.outlived(at(3 * kKeep))) << "a client came and went between two turns of housekeeping";
    EXPECT_FALSE(pool.outlived(at(4 * kKeep - 2)));
    EXPECT_TRUE(pool.outlived(at(4 * kKeep - 1)));
}

}  // namespace
}  // namespace pgpool::pool
