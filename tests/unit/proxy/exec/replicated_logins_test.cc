// SPDX-License-Identifier: PostgreSQL
// Mode replication: connections that logged in before what a login reads has changed.
#include <gtest/gtest.h>

#include "tests/unit/proxy/exec/replicated_fixture.h"

namespace pgpool::exec {
namespace {

using wire::TransactionStatus;

class LoginsTest : public ReplicatedTest {
protected:
    LoginsTest() {
        around.logins = &logins;
        shell.now = TimePoint(seconds(100));
    }
    void born(int main, int other) {
        shell.main.login_began = TimePoint(seconds(main));
        shell.other.login_began = TimePoint(seconds(other));
    }
    void runs(std::string_view sql, std::string_view text) {
        client_sends(query(sql));
        answers(shell.main, executed("BEGIN") + tag(text) + ready(TransactionStatus::InTransaction));
        answers(shell.main, marked() + ready(TransactionStatus::InTransaction));
        shell.main.sent.clear();
        shell.other.sent.clear();
        answers(shell.other, executed("BEGIN") + tag(text) + ready(TransactionStatus::InTransaction) +
                                 marked() + ready(TransactionStatus::InTransaction));
    }
    void is_refused_if_born(int main, int other) {
        logins.changed(TimePoint(seconds(50)));
        born(main, other);
        runs(kDdl, "COMMENT");
        EXPECT_NE(shell.main.sent.find("ROLLBACK"), std::string::npos);
        answers(shell.main, tag("ROLLBACK") + ready(TransactionStatus::Idle));
        answers(shell.other, tag("ROLLBACK") + ready(TransactionStatus::Idle));
        EXPECT_NE(shell.replied.find("40001"), std::string::npos);
        expect_given_back();
    }
    LoginMarks logins;
};

TEST_F(LoginsTest, ChangeByAlterRoleSetAndItsKin) {
    runs("ALTER ROLE amy SET search_path TO s", "ALTER ROLE");
    EXPECT_EQ(logins.latest(), shell.now) << "before anybody can see it";
    shell.now += seconds(1);
    commits();
    EXPECT_EQ(logins.latest(), shell.now) << "what logged in meanwhile may have either";
}

TEST_F(LoginsTest, DoNotChangeByOtherDdl) {
    runs(kDdl, "COMMENT");
    commits();
    EXPECT_EQ(logins.latest(), TimePoint{});
}

TEST_F(LoginsTest, OfBeforeAChangeDoNotCommitOnMain) {
    is_refused_if_born(40, 60);
}

TEST_F(LoginsTest, OfBeforeAChangeDoNotCommitOnOthers) {
    is_refused_if_born(60, 50);
}

TEST_F(LoginsTest, BehindAChangeCommit) {
    logins.changed(TimePoint(seconds(50)));
    born(51, 60);
    runs(kDdl, "COMMENT");
    commits();
    EXPECT_EQ(replied(), "CZ");
}

}  // namespace
}  // namespace pgpool::exec
