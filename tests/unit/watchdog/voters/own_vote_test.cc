// SPDX-License-Identifier: PostgreSQL
#include "watchdog/voters/own_vote.h"

#include <gtest/gtest.h>

namespace pgpool::voters {
namespace {

using std::chrono::milliseconds;
using Kind = lease::Question::Kind;

constexpr lease::VoterId kAlice(0);
constexpr lease::VoterId kBob(1);
constexpr SessionId kFirst(1);
constexpr SessionId kSecond(2);

class OwnVoteTest : public testing::Test {
protected:
    void ask(lease::VoterId member, SessionId session, Kind kind, Epoch record = {}) {
        vote_.ask(member, session, {.kind = kind, .record = record, .command = {}, .not_after = {}}, now_);
    }

    lease::Parameters parameters_;
    BootTime now_{parameters_.lease};  // it started at 0
    OwnVote vote_{parameters_, BootTime{}, Epoch(3)};
};

TEST_F(OwnVoteTest, grants_the_lock_to_one) {
    ask(kAlice, kFirst, Kind::Lock);
    ask(kBob, kSecond, Kind::Lock);
    const auto replies = vote_.take_replies();
    ASSERT_EQ(replies.size(), 2U);
    EXPECT_EQ(replies[0].member, kAlice);
    EXPECT_EQ(replies[0].session, kFirst);
    EXPECT_TRUE(replies[0].answer.has_lock);
    EXPECT_EQ(replies[0].answer.epoch, Epoch(3));
    EXPECT_EQ(replies[1].member, kBob);
    EXPECT_FALSE(replies[1].answer.has_lock);
    EXPECT_TRUE(vote_.take_replies().empty());
}

TEST_F(OwnVoteTest, tells_an_epoch_only_when_it_is_on_disk) {
    ask(kAlice, kFirst, Kind::Lock);
    static_cast<void>(vote_.take_replies());
    ask(kAlice, kFirst, Kind::Renew, Epoch(4));
    EXPECT_EQ(vote_.epoch(), Epoch(4));
    EXPECT_TRUE(vote_.take_replies().empty());
    ask(kBob, kSecond, Kind::Lock);
    EXPECT_TRUE(vote_.take_replies().empty()) << "it would learn of an epoch that may be forgotten";
    vote_.stored(Epoch(4));
    const auto replies = vote_.take_replies();
    ASSERT_EQ(replies.size(), 2U);
    EXPECT_TRUE(replies[0].answer.has_lock);
    EXPECT_EQ(replies[0].answer.epoch, Epoch(4));
    EXPECT_EQ(replies[1].member, kBob);
}

TEST_F(OwnVoteTest, session_that_was_silent_is_closed) {
    ask(kAlice, kFirst, Kind::Lock);
    static_cast<void>(vote_.take_replies());
    now_ += parameters_.session_timeout;
    ask(kAlice, kFirst, Kind::Renew, Epoch(9));
    const auto replies = vote_.take_replies();
    ASSERT_EQ(replies.size(), 1U);
    EXPECT_TRUE(replies[0].is_closed);
    EXPECT_EQ(vote_.epoch(), Epoch(3));
}

TEST_F(OwnVoteTest, session_that_was_given_up_gets_no_answer_and_frees_the_lock) {
    ask(kAlice, kFirst, Kind::Lock);
    ask(kAlice, kFirst, Kind::Renew, Epoch(4));
    static_cast<void>(vote_.take_replies());
    vote_.close(kAlice, kFirst);
    vote_.stored(Epoch(4));
    EXPECT_TRUE(vote_.take_replies().empty());
    ask(kBob, kSecond, Kind::Lock);
    const auto replies = vote_.take_replies();
    ASSERT_EQ(replies.size(), 1U);
    EXPECT_TRUE(replies[0].answer.has_lock);
    EXPECT_EQ(replies[0].answer.epoch, Epoch(4));
}

}  // namespace
}  // namespace pgpool::voters
