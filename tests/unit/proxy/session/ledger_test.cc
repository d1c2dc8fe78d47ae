// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/ledger.h"

#include <gtest/gtest.h>

namespace pgpool::session {
namespace {

using Limit = Ledger::Limit;

const Ledger::Key kAmy{"amy", "app", NodeId(0)};
const Ledger::Key kBob{"bob", "app", NodeId(0)};
const Ledger::Key kAmyElsewhere{"amy", "other", NodeId(0)};
const Ledger::Key kBobElsewhere{"bob", "other", NodeId(0)};
const Ledger::Key kAmyAtStandby{"amy", "app", NodeId(1)};

config::Pool limits(std::uint32_t size, std::uint32_t of_node) {
    config::Pool limits;
    limits.size = size;
    limits.max_server_connections = of_node;
    return limits;
}

TEST(Ledger, WhatIsApartTakesNoPlaceInThePool) {
    Ledger ledger;
    EXPECT_EQ(ledger.reserve(kAmy, limits(1, 0)), Limit::None);
    EXPECT_EQ(ledger.reserve(kAmy, limits(1, 0)), Limit::Pool);
    EXPECT_EQ(ledger.reserve_apart(kAmy, limits(1, 0)), Limit::None);
    ledger.release(kAmy);
    EXPECT_EQ(ledger.reserve(kAmy, limits(1, 0)), Limit::None);
}

TEST(Ledger, WhatIsApartCountsForTheOtherLimits) {
    Ledger ledger;
    EXPECT_EQ(ledger.reserve_apart(kAmy, limits(20, 2)), Limit::None);
    EXPECT_EQ(ledger.reserve_apart(kBob, limits(20, 2)), Limit::None);
    EXPECT_EQ(ledger.reserve_apart(kAmy, limits(20, 2)), Limit::Node);
    EXPECT_EQ(ledger.reserve(kBob, limits(20, 2)), Limit::Node);
    ledger.release_apart(kAmy);
    EXPECT_EQ(ledger.reserve(kBob, limits(20, 2)), Limit::None);

    config::Pool one_of_amy;
    one_of_amy.max_user_connections = 1;
    EXPECT_EQ(ledger.reserve_apart(kAmy, one_of_amy), Limit::None);
    EXPECT_EQ(ledger.reserve_apart(kAmy, one_of_amy), Limit::User);
}

TEST(Ledger, TheEndOfOneApartWakesWhoWishes) {
    Ledger ledger;
    EXPECT_EQ(ledger.reserve_apart(kAmy, limits(20, 1)), Limit::None);
    int woken = 0;
    EXPECT_TRUE(ledger.wish(kBob, {1}, Limit::Node, 0, [&] { ++woken; }));
    ledger.release_apart(kAmy);
    EXPECT_EQ(woken, 1);
    EXPECT_FALSE(ledger.any_wish());
}

// Every limit but that of the pool is one.
config::Pool one_each(std::uint32_t size) {
    config::Pool limits;
    limits.size = size;
    limits.max_user_connections = limits.max_database_connections = limits.max_server_connections = 1;
    return limits;
}

void reserve_many(Ledger& ledger, const Ledger::Key& key, int count) {
    for (int i = 0; i < count; ++i) EXPECT_EQ(ledger.reserve(key, limits(0, 0)), Limit::None);
}

TEST(Ledger, NamesTheNarrowestLimitThatIsInTheWay) {
    Ledger ledger;
    EXPECT_EQ(ledger.reserve(kAmy, one_each(1)), Limit::None);
    EXPECT_EQ(ledger.reserve(kAmy, one_each(1)), Limit::Pool);
    EXPECT_EQ(ledger.reserve(kAmy, one_each(2)), Limit::User);
    EXPECT_EQ(ledger.reserve(kAmyElsewhere, one_each(1)), Limit::User);
    EXPECT_EQ(ledger.reserve(kBob, one_each(1)), Limit::Database);
    EXPECT_EQ(ledger.reserve(kBobElsewhere, one_each(1)), Limit::Node);
    EXPECT_EQ(ledger.reserve(kAmyAtStandby, one_each(1)), Limit::None);
}

TEST(Ledger, WhatIsRefusedTakesNoPlace) {
    Ledger ledger;
    EXPECT_EQ(ledger.reserve(kAmy, one_each(1)), Limit::None);
    for (const Ledger::Key& key : {kAmy, kAmyElsewhere, kBob, kBobElsewhere})
        EXPECT_NE(ledger.reserve(key, one_each(1)), Limit::None);
    ledger.release(kAmy);
    EXPECT_EQ(ledger.reserve(kBobElsewhere, one_each(1)), Limit::None);
    ledger.release(kBobElsewhere);
    EXPECT_EQ(ledger.reserve(kAmy, one_each(1)), Limit::None);
}

TEST(Ledger, ALimitOfZeroIsNone) {
    Ledger ledger;
    reserve_many(ledger, kAmy, 100);
    EXPECT_EQ(ledger.reserve(kAmy, limits(100, 0)), Limit::Pool);
}

TEST(Ledger, TheVersionChangesWithEveryReleaseAndWithTheLimits) {
    Ledger ledger;
    const std::uint64_t first = ledger.version();
    EXPECT_EQ(ledger.reserve(kAmy, limits(1, 0)), Limit::None);
    EXPECT_EQ(ledger.reserve_apart(kAmy, limits(1, 0)), Limit::None);
    EXPECT_EQ(ledger.reserve(kAmy, limits(1, 0)), Limit::Pool);
    EXPECT_EQ(ledger.version(), first);
    ledger.release(kAmy);
    const std::uint64_t second = ledger.version();
    EXPECT_NE(second, first);
    ledger.release_apart(kAmy);
    const std::uint64_t third = ledger.version();
    EXPECT_NE(third, second);
    ledger.limits_changed();
    EXPECT_NE(ledger.version(), third);
}

TEST(Ledger, WhoHasNoneMayAlwaysWish) {
    for (const Limit limit : {Limit::Pool, Limit::User, Limit::Database, Limit::Node}) {
        Ledger ledger;
        EXPECT_FALSE(ledger.any_wish());
        EXPECT_TRUE(ledger.wish(kAmy, {1}, limit, 0, [] {}));
        EXPECT_TRUE(ledger.any_wish());
    }
}

TEST(Ledger, WhoHasSomeMayWishOnlyIfOthersHaveNotablyMoreOfTheSamePool) {
    Ledger ledger;
    reserve_many(ledger, kAmy, 3);
    EXPECT_FALSE(ledger.wish(kAmy, {1}, Limit::Pool, 1, [] {})) << "one of three";
    reserve_many(ledger, kAmy, 1);
    for (const Limit limit : {Limit::User, Limit::Database, Limit::Node})
        EXPECT_FALSE(ledger.wish(kAmy, {1}, limit, 1, [] {}));
    EXPECT_FALSE(ledger.wish(kAmy, {1}, Limit::Pool, 2, [] {})) << "two of four";
    EXPECT_FALSE(ledger.any_wish());
    EXPECT_TRUE(ledger.wish(kAmy, {1}, Limit::Pool, 1, [] {})) << "one of four";
}

TEST(Ledger, AWishIsMadeOncePerPoolAndWorker) {
    Ledger ledger;
    reserve_many(ledger, kAmy, 1);
    int woken = 0;
    const auto wake = [&] { ++woken; };
    EXPECT_TRUE(ledger.wish(kAmy, {1}, Limit::Pool, 0, wake));
    EXPECT_FALSE(ledger.wish(kAmy, {1}, Limit::Pool, 0, wake));
    EXPECT_TRUE(ledger.wish(kAmy, {2}, Limit::Pool, 0, wake));
    EXPECT_TRUE(ledger.wish(kBob, {1}, Limit::Node, 0, wake));
    ledger.release(kAmy);
    EXPECT_EQ(woken, 3);
}

TEST(Ledger, APoolThatEndsWithdrawsItsWishes) {
    Ledger ledger;
    for (const Ledger::Key& key : {kAmy, kAmyAtStandby, kBob}) {
        for (const std::uint32_t worker : {1U, 2U})
            EXPECT_TRUE(ledger.wish(key, {worker}, Limit::Node, 0, [] {}));
    }
    ledger.withdraw_wishes("amy", "app", {1});
    for (const Ledger::Key& key : {kAmy, kAmyAtStandby}) {
        EXPECT_TRUE(ledger.wish(key, {1}, Limit::Node, 0, [] {})) << "it was withdrawn";
        EXPECT_FALSE(ledger.wish(key, {2}, Limit::Node, 0, [] {}));
    }
    EXPECT_FALSE(ledger.wish(kBob, {1}, Limit::Node, 0, [] {}));
    for (const std::uint32_t worker : {1U, 2U}) {
        for (const char* user : {"amy", "bob"}) ledger.withdraw_wishes(user, "app", {worker});
    }
    EXPECT_FALSE(ledger.any_wish());
}

TEST(Ledger, OneApartHasAWishOfItsOwn) {
    Ledger ledger;
    const auto nothing = [] {};
    EXPECT_TRUE(ledger.wish(kAmy, {1, 7}, Limit::Node, 0, nothing));
    EXPECT_TRUE(ledger.wish(kAmy, {1, 8}, Limit::Node, 0, nothing));
    EXPECT_TRUE(ledger.wish(kAmy, {1}, Limit::Pool, 0, nothing));
    ledger.withdraw_wishes("amy", "app", {1});
    EXPECT_FALSE(ledger.wish(kAmy, {1, 7}, Limit::Node, 0, nothing)) << "that was the pool's";
    ledger.withdraw_wishes("amy", "app", {1, 7});
    EXPECT_TRUE(ledger.any_wish()) << "of another client";
    ledger.withdraw_wishes("amy", "app", {1, 8});
    EXPECT_FALSE(ledger.any_wish());
}

TEST(Ledger, ThePoolOfItsNameMayGrantTheWishOfOneApart) {
    Ledger ledger;
    EXPECT_TRUE(ledger.wish(kAmy, {1, 7}, Limit::Node, 0, [] {}));
    EXPECT_TRUE(ledger.grant(kAmy, 1, 1));
}

TEST(Ledger, AReleaseWakesOnceAllWhoWish) {
    Ledger ledger;
    reserve_many(ledger, kAmy, 2);
    int woken = 0;
    EXPECT_TRUE(ledger.wish(kBob, {1}, Limit::Node, 0, [&] { ++woken; }));
    EXPECT_TRUE(ledger.wish(kAmy, {2}, Limit::Pool, 0, [&] {
        ++woken;
        EXPECT_EQ(ledger.reserve(kAmy, limits(2, 0)), Limit::None) << "may use the ledger";
    }));
    ledger.release(kAmy);
    EXPECT_EQ(woken, 2);
    ledger.release(kAmy);
    EXPECT_EQ(woken, 2);
}

TEST(Ledger, AGrantHelpsWhoIsHeldUpByTheSameLimit) {
    struct Case {
        Limit limit;
        bool pool, user, database, node;  // which pools' connections count against it
    };
    const Case cases[] = {
        {Limit::Pool, true, false, false, false},
        {Limit::User, true, true, false, false},
        {Limit::Database, true, false, true, false},
        {Limit::Node, true, true, true, true},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(static_cast<int>(c.limit));
        const auto helps = [&](const Ledger::Key& giving) {
            Ledger ledger;
            EXPECT_TRUE(ledger.wish(kAmy, {1}, c.limit, 0, [] {}));
            return ledger.grant(giving, 2, 5);
        };
        EXPECT_EQ(helps(kAmy), c.pool);
        EXPECT_EQ(helps(kAmyElsewhere), c.user);
        EXPECT_EQ(helps(kBob), c.database);
        EXPECT_EQ(helps(kBobElsewhere), c.node);
        EXPECT_FALSE(helps(kAmyAtStandby));
    }
}

TEST(Ledger, NobodyGrantsTheWishOfTheSamePoolInTheSameWorker) {
    Ledger ledger;
    EXPECT_TRUE(ledger.wish(kAmy, {1}, Limit::User, 0, [] {}));
    EXPECT_FALSE(ledger.grant(kAmy, 1, 5));
    EXPECT_TRUE(ledger.any_wish());
    EXPECT_TRUE(ledger.grant(kAmyElsewhere, 1, 5)) << "another pool of that worker";
}

TEST(Ledger, AGrantGoesToWhoHasNotablyFewer) {
    Ledger ledger;
    reserve_many(ledger, kAmy, 4);
    EXPECT_TRUE(ledger.wish(kAmy, {1}, Limit::Pool, 1, [] {}));
    EXPECT_FALSE(ledger.grant(kAmy, 2, 1));
    EXPECT_FALSE(ledger.grant(kAmy, 2, 2));
    EXPECT_TRUE(ledger.grant(kAmy, 2, 3));

    EXPECT_TRUE(ledger.wish(kAmy, {1}, Limit::Pool, 0, [] {}));
    EXPECT_TRUE(ledger.grant(kAmy, 2, 1)) << "who has none may get the only one of another";
}

TEST(Ledger, AGrantEndsOneWishWhichTheReleaseThenWakes) {
    Ledger ledger;
    reserve_many(ledger, kAmy, 2);
    int woken = 0;
    EXPECT_TRUE(ledger.wish(kAmy, {1}, Limit::Pool, 0, [&] { ++woken; }));
    EXPECT_TRUE(ledger.wish(kAmy, {2}, Limit::Pool, 0, [&] { ++woken; }));
    EXPECT_TRUE(ledger.grant(kAmy, 3, 2));
    EXPECT_TRUE(ledger.any_wish());
    EXPECT_TRUE(ledger.grant(kAmy, 3, 2));
    EXPECT_FALSE(ledger.any_wish());
    EXPECT_FALSE(ledger.grant(kAmy, 3, 2));
    EXPECT_EQ(woken, 0);
    ledger.release(kAmy);
    EXPECT_EQ(woken, 2);
    ledger.release(kAmy);
    EXPECT_EQ(woken, 2);
}

void expect_too_many(const Result<void>& admitted, std::string_view message) {
    ASSERT_FALSE(admitted);
    EXPECT_EQ(admitted.error().message, message);
    EXPECT_EQ(admitted.error().sqlstate, SqlState("53300"));
}

TEST(Ledger, ClientsAreRefusedInTheWordsOfPostgresql) {
    config::Limits limits;
    limits.max_clients = 3;
    limits.max_clients_per_user = 2;
    limits.max_clients_per_database = 2;
    Ledger ledger;
    EXPECT_TRUE(ledger.admit_client("amy", "app", limits));
    EXPECT_TRUE(ledger.admit_client("amy", "app", limits));
    expect_too_many(ledger.admit_client("amy", "other", limits), "too many connections for role \"amy\"");
    expect_too_many(ledger.admit_client("bob", "app", limits), "too many connections for database \"app\"");
    EXPECT_EQ(ledger.clients(), 2U);
    EXPECT_TRUE(ledger.admit_client("bob", "other", limits));
    expect_too_many(ledger.admit_client("amy", "app", limits), "sorry, too many clients already");
    EXPECT_EQ(ledger.clients(), 3U);

    ledger.client_left("amy", "app");
    EXPECT_EQ(ledger.clients(), 2U);
    EXPECT_TRUE(ledger.admit_client("bob", "app", limits));
}

TEST(Ledger, APlaceForALoginIsGivenBackWhenItEnds) {
    Ledger ledger;
    config::Limits limits;
    limits.max_logins = 2;
    auto first = ledger.admit_login(limits);
    auto second = ledger.admit_login(limits);
    ASSERT_TRUE(first && second);
    for (int i = 0; i < 3; ++i) {
        const auto third = ledger.admit_login(limits);
        ASSERT_FALSE(third);
        EXPECT_EQ(third.error().sqlstate, sqlstate::kTooManyConnections);
        EXPECT_EQ(third.error().message,
                  "sorry, too many connections have not logged in yet (limits.max_logins)");
    }
    first->reset();
    EXPECT_TRUE(ledger.admit_login(limits));
    EXPECT_TRUE(ledger.admit_login(limits)) << "the one before gave its place back at once";
}

TEST(Ledger, ClientsAreNotLimitedByZero) {
    config::Limits limits;
    limits.max_clients = limits.max_clients_per_user = limits.max_clients_per_database = 0;
    Ledger ledger;
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(ledger.admit_client("amy", "app", limits));
    EXPECT_EQ(ledger.clients(), 100U);
}

}  // namespace
}  // namespace pgpool::session
