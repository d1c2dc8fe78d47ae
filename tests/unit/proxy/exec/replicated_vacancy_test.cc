// SPDX-License-Identifier: PostgreSQL
// Mode replication: databases are dropped and renamed once nobody is connected to them.
#include <gtest/gtest.h>

#include "tests/unit/proxy/exec/replicated_fixture.h"

namespace pgpool::exec {
namespace {

using wire::TransactionStatus;

class VacancyTest : public ReplicatedTest {};

TEST_F(VacancyTest, ADatabaseIsDroppedOnceNobodyIsConnected) {
    const std::string drop = query("DROP DATABASE d");
    EXPECT_EQ(session.pump(drop), 0U);
    ASSERT_FALSE(shell.vacancy.expired());
    shell.vacancy.lock()->now = Vacancy::State::InUse;
    session.on_news();
    EXPECT_EQ(session.pump(drop), 0U);
    EXPECT_EQ(shell.vacancy.lock()->looks, 2);
    session.on_news();
    EXPECT_EQ(session.pump(drop), 0U);
    EXPECT_EQ(shell.vacancy.lock()->looks, 2) << "not so soon";
    shell.vacancy.lock()->now = Vacancy::State::Leaving;
    around.now += seconds(1);
    session.on_timer(TimerKind::Wait);
    EXPECT_EQ(session.pump(drop), 0U);
    EXPECT_EQ(shell.vacancy.lock()->looks, 3);
    shell.vacancy.lock()->now = Vacancy::State::Vacant;
    session.on_news();
    EXPECT_EQ(sent_to(shell.main), "");
    client_sends(drop);
    EXPECT_EQ(sent_to(shell.main), "Q");
    answers(shell.main, tag("DROP DATABASE") + ready(TransactionStatus::Idle));
    EXPECT_EQ(sent_to(shell.other), "QQ") << "settings, the Query";
    const std::string settings = tag("SET") + ready(TransactionStatus::Idle);
    answers(shell.other, settings + error("55006") + ready(TransactionStatus::Idle));
    EXPECT_EQ(sent_to(shell.other), "Q") << "once more";
    EXPECT_FALSE(shell.vacancy.expired());
    answers(shell.other, tag("DROP DATABASE") + ready(TransactionStatus::Idle));
    EXPECT_EQ(replied(), "CZ");
    EXPECT_TRUE(shell.vacancy.expired());
    expect_given_back(Disposal::Reset);
}

TEST_F(VacancyTest, ADatabaseThatClientsAreConnectedToStays) {
    const std::string rename = query("ALTER DATABASE d RENAME TO e");
    EXPECT_EQ(session.pump(rename), 0U);
    shell.vacancy.lock()->now = Vacancy::State::InUse;
    around.now += seconds(6);
    session.on_news();
    client_sends(rename);
    EXPECT_NE(shell.replied.find("55006"), std::string::npos);
    EXPECT_EQ(replied(), "EZ");
    EXPECT_EQ(sent_to(shell.main) + sent_to(shell.other), "");
    EXPECT_TRUE(shell.vacancy.expired());
    EXPECT_FALSE(shell.main.is_lent || shell.other.is_lent);
    EXPECT_EQ(around.free_slots.size(), 1U);
}

TEST_F(VacancyTest, WhoMayEndsTheSessionsOfADatabase) {
    const std::string drop = query("DROP DATABASE d WITH (FORCE)");
    EXPECT_EQ(session.pump(drop), 0U);
    shell.vacancy.lock()->now = Vacancy::State::InUse;
    session.on_news();
    EXPECT_EQ(session.pump(drop), 0U);
    EXPECT_NE(shell.main.sent.find("ARRAY['bob''s']"), std::string::npos);
    EXPECT_EQ(sent_to(shell.main), "Q") << "may it?";
    answers(shell.main, row("") + tag("SELECT 1") + ready(TransactionStatus::Idle));
    EXPECT_EQ(session.pump(drop), 0U);
    EXPECT_EQ(shell.vacancy.lock()->state(), Vacancy::State::Vacant);
    session.on_news();
    client_sends(drop);
    EXPECT_EQ(sent_to(shell.main), "Q");
    answers(shell.main, error("42501") + ready(TransactionStatus::Idle));
    EXPECT_EQ(replied(), "EZ");
}

TEST_F(VacancyTest, WhoMayNotEndsNoSessions) {
    const std::string drop = query("DROP DATABASE d WITH (FORCE)");
    EXPECT_EQ(session.pump(drop), 0U);
    shell.vacancy.lock()->now = Vacancy::State::InUse;
    session.on_news();
    EXPECT_EQ(session.pump(drop), 0U);
    sent_to(shell.main);
    answers(shell.main,
            row("must be owner of database d") + tag("SELECT 1") + ready(TransactionStatus::Idle));
    client_sends(drop);
    EXPECT_NE(shell.replied.find("must be owner of database d"), std::string::npos);
    EXPECT_EQ(replied(), "EZ");
    EXPECT_EQ(sent_to(shell.main), "");
    expect_given_back();
}

TEST_F(VacancyTest, WhoGivesUpHoldsNothing) {
    const std::string drop = query("DROP DATABASE d");
    EXPECT_EQ(session.pump(drop), 0U);
    database.marks->bare_ddl.begins();
    session.on_news();
    EXPECT_EQ(session.pump(drop), 0U) << "it waits for DDL of others";
    session.on_cancel();
    client_sends(drop);
    EXPECT_EQ(replied(), "EZ");
    EXPECT_TRUE(shell.vacancy.expired());
    expect_given_back();
}

}  // namespace
}  // namespace pgpool::exec
