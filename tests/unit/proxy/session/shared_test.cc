// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/shared.h"

#include <gtest/gtest.h>

namespace pgpool::session {
namespace {

const TimePoint kStart = TimePoint{} + seconds(100);

sql::CatalogFactsPtr some_facts() {
    return std::make_shared<const sql::CatalogFacts>();
}

TEST(DatabasesInUse, AllWhoUseOneKnowTheSame) {
    DatabasesInUse databases;
    const auto first = databases.use("app", kStart);
    EXPECT_EQ(first.facts, nullptr);
    const sql::CatalogFactsPtr facts = some_facts();
    databases.keep("app", facts);
    const auto second = databases.use("app", kStart + seconds(5));
    EXPECT_EQ(second.marks, first.marks);
    EXPECT_EQ(second.facts, facts);
    EXPECT_NE(databases.use("other", kStart).marks, first.marks);
}

TEST(DatabasesInUse, SequencesAreLookedAtOnceWhenTheirTimeHasCome) {
    DatabasesInUse databases;
    const auto app = databases.use("app", kStart);
    const auto other = databases.use("other", kStart);
    app.marks->sequences_moved(kStart + seconds(2));
    app.marks->sequences_moved(kStart + seconds(9));
    EXPECT_TRUE(databases.take_sequences(kStart + seconds(1)).empty());
    EXPECT_EQ(databases.take_sequences(kStart + seconds(2)), std::vector<std::string>{"app"});
    EXPECT_TRUE(databases.take_sequences(kStart + seconds(20)).empty());
    databases.sequences_moved("other", kStart + seconds(3));
    databases.sequences_moved("nobody's", kStart + seconds(3));
    EXPECT_EQ(databases.take_sequences(kStart + seconds(20)), std::vector<std::string>{"other"});
}

TEST(DatabasesInUse, OneThatNobodyUsesIsForgotten) {
    DatabasesInUse databases;
    auto first = databases.use("app", kStart);
    auto second = databases.use("app", kStart);
    databases.keep("app", some_facts());
    first = {};
    databases.left("app");
    EXPECT_TRUE(databases.has("app")) << "the other is still there";
    second = {};
    databases.left("app");
    EXPECT_FALSE(databases.has("app"));
    databases.keep("app", some_facts());
    EXPECT_EQ(databases.use("app", kStart).facts, nullptr) << "what comes when nobody is left is not kept";
}

TEST(DatabasesInUse, WhoWroteBeforeItWasUsedIsNotKnown) {
    DatabasesInUse databases;
    EXPECT_EQ(databases.use("app", kStart).marks->last_write(), kStart);
    EXPECT_EQ(databases.use("app", kStart + seconds(9)).marks->last_write(), kStart + seconds(9));
}

TEST(CredentialStore, KeepsOnlyWhoHasSomethingToProve) {
    CredentialStore store;
    auth::Credentials credentials;
    for (int i = 0; i < 1000; ++i) {
        credentials.user = "invented" + std::to_string(i);
        store.remember(credentials);
    }
    EXPECT_EQ(store.size(), 0U);
    EXPECT_EQ(store.find("invented1").user, "invented1");
    credentials.user = "amy";
    credentials.password = "secret";
    store.remember(credentials);
    credentials.password.reset();
    store.remember(credentials);
    EXPECT_EQ(store.size(), 1U);
    EXPECT_EQ(store.find("amy").password, "secret") << "a login by trust takes nothing away";
}

}  // namespace
}  // namespace pgpool::session
