// SPDX-License-Identifier: PostgreSQL
#include "watchdog/lease/lease.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>

namespace pgpool::lease {
namespace {

using std::chrono::milliseconds;

constexpr MemberId kSelf{0};
constexpr MemberId kPeer{1};

VoterId voter(std::size_t index) {
    return VoterId(static_cast<std::uint16_t>(index));
}

// One lease with voters that do as the test says: members 0 and 1, nodes 2 (two votes) and 3.
class LeaseTest : public testing::Test {
protected:
    void at(int ms) { now_ = BootTime(milliseconds(ms)); }

    void step(const Event& event) {
        actions_ = lease_.step(event, now_);
        for (const Action& action : actions_) {
            if (const auto* open = std::get_if<action::Open>(&action))
                opened_[open->voter.value] = open->session;
            if (const auto* ask = std::get_if<action::Ask>(&action)) asked_[ask->voter.value] = ask->question;
            if (const auto* close = std::get_if<action::Close>(&action)) asked_.erase(close->voter.value);
            if (const auto* wait = std::get_if<action::WaitUntil>(&action)) wake_ = wait->time;
        }
    }
    void open(std::size_t index) { step(event::Opened{voter(index), opened_[index]}); }
    // The question that is open at this voter is answered: it has the lock, and records what it is asked to.
    void answer(std::size_t index, Epoch known = {}) {
        const Question question = asked_.at(index);
        asked_.erase(index);
        step(event::Answered{
            voter(index),
            opened_[index],
            {.has_lock = true, .epoch = std::max(question.record, known), .server_clock = clock_}});
    }
    void refuse(std::size_t index) {
        asked_.erase(index);
        step(event::Answered{voter(index), opened_[index], {}});
    }
    void answer_all() {
        const auto asked = asked_;
        for (const auto& [index, question] : asked) answer(index);
    }
    template <typename Kind>
    [[nodiscard]] std::optional<Kind> last() const {
        std::optional<Kind> found;
        for (const Action& action : actions_) {
            if (const auto* one = std::get_if<Kind>(&action)) found = *one;
        }
        return found;
    }
    // Locks of nodes 2 and 3 at 0 ms: three votes.
    void take_locks() {
        step(event::Campaign{});
        for (const std::size_t index : {2U, 3U}) {
            open(index);
            answer(index);
        }
    }
    // Ticks when it asks to be woken and answers at once.
    void live_until(int ms) {
        while (wake_ < BootTime(milliseconds(ms))) {
            now_ = std::max(now_, wake_);
            step(event::Tick{});
            for (const std::size_t index : {2U, 3U}) {
                if (asked_.contains(index)) answer(index);
            }
        }
        at(ms);
    }
    void become_holder() {
        take_locks();
        live_until(1'600);
        step(event::Tick{});
        answer_all();
        ASSERT_EQ(lease_.state(), State::Holder);
    }

    Lease lease_{Votes(2, 2, Votes::Witness::None), Parameters{},
                 Lease::Start{.self = kSelf, .known = Epoch(4), .first_session = SessionId(100), .seed = 7}};
    BootTime now_{};
    BootTime wake_ = BootTime::max();
    WallTime clock_{std::chrono::seconds(1'000)};
    Actions actions_;
    std::map<std::size_t, SessionId> opened_;
    std::map<std::size_t, Question> asked_;
};

TEST_F(LeaseTest, AFollowerDoesNothing) {
    step(event::Tick{});
    EXPECT_EQ(actions_.size(), 1U);
    EXPECT_EQ(last<action::WaitUntil>()->time, BootTime::max());
}

TEST_F(LeaseTest, ACandidateOpensASessionAtEachVoterAndTriesTheLock) {
    step(event::Campaign{});
    EXPECT_EQ(opened_.size(), 4U);
    EXPECT_TRUE(asked_.empty());
    open(3);
    EXPECT_EQ(asked_.at(3).kind, Question::Kind::Lock);
}

TEST_F(LeaseTest, ALockThatIsRefusedIsTriedAgainAfterARandomTime) {
    step(event::Campaign{});
    open(3);
    at(10);
    refuse(3);
    at(10 + 49);
    step(event::Tick{});
    EXPECT_FALSE(asked_.contains(3));
    at(10 + 151);
    step(event::Tick{});
    EXPECT_TRUE(asked_.contains(3));
}

TEST_F(LeaseTest, WithoutAQuorumEverythingIsGivenBackAfterASecond) {
    step(event::Campaign{});
    open(3);
    answer(3);
    at(250);
    step(event::Tick{});
    answer(3);
    at(500);
    step(event::Tick{});
    answer(3);
    at(750);
    step(event::Tick{});
    answer(3);
    at(999);
    step(event::Tick{});
    EXPECT_EQ(lease_.state(), State::Acquiring);
    at(1'000);
    step(event::Tick{});
    EXPECT_EQ(lease_.state(), State::Resting);
    EXPECT_EQ(last<action::Close>()->voter, voter(3));
    EXPECT_GE(wake_, BootTime(milliseconds(1'050)));
    EXPECT_LE(wake_, BootTime(milliseconds(1'150)));
}

TEST_F(LeaseTest, WithAQuorumItWaitsForTheTimeOfALease) {
    take_locks();
    EXPECT_EQ(lease_.state(), State::Waiting);
    live_until(1'599);
    EXPECT_EQ(lease_.state(), State::Waiting);
    EXPECT_FALSE(lease_.view().may_act(now_));
    at(1'600);
    step(event::Tick{});
    EXPECT_EQ(lease_.state(), State::Confirming);
}

TEST_F(LeaseTest, TheWaitCountsFromTheLastLockAndTheAnswer) {
    step(event::Campaign{});
    open(2);
    answer(2);
    open(3);
    at(300);
    answer(3);
    live_until(1'899);
    EXPECT_EQ(lease_.state(), State::Waiting);
    at(1'900);
    step(event::Tick{});
    EXPECT_EQ(lease_.state(), State::Confirming);
}

TEST_F(LeaseTest, BecomesHolderByAnswersToQuestionsAfterTheWait) {
    take_locks();
    live_until(1'600);
    step(event::Tick{});
    ASSERT_EQ(lease_.state(), State::Confirming);
    EXPECT_EQ(asked_.at(2).record, Epoch(5)) << "above all that is known";
    answer(2);
    EXPECT_EQ(lease_.state(), State::Confirming);
    at(1'610);
    answer(3);
    EXPECT_EQ(lease_.state(), State::Holder);
    EXPECT_EQ(last<action::Became>()->epoch, Epoch(5));
    EXPECT_EQ(lease_.view().epoch, Epoch(5));
    EXPECT_EQ(lease_.view().deadline, BootTime(milliseconds(1'600 + 1'584))) << "from when it asked";
}

TEST_F(LeaseTest, AHigherEpochAtAVoterMakesItChooseAnother) {
    take_locks();
    live_until(1'600);
    step(event::Tick{});
    answer(2, Epoch(9));
    EXPECT_EQ(lease_.state(), State::Confirming);
    EXPECT_EQ(asked_.at(2).record, Epoch(10));
    answer(2);
    answer(3);
    EXPECT_EQ(lease_.state(), State::Confirming) << "3 has recorded the number that is too low";
    answer(3);
    EXPECT_EQ(lease_.state(), State::Holder);
    EXPECT_EQ(lease_.view().epoch, Epoch(10));
}

// Another candidate chose 5 as well, and this voter has it on record.
TEST_F(LeaseTest, TheSameNumberOfAnotherCandidateIsNotItsOwn) {
    take_locks();
    live_until(1'600);
    step(event::Tick{});
    ASSERT_EQ(asked_.at(2).record, Epoch(5));
    open(0);
    answer(0, Epoch(5));
    EXPECT_EQ(lease_.state(), State::Confirming);
    answer(2);
    answer(3);
    EXPECT_EQ(asked_.at(2).record, Epoch(6));
}

TEST_F(LeaseTest, ACandidateThatLosesItsQuorumBeginsAnew) {
    take_locks();
    at(100);
    step(event::Lost{voter(2), opened_[2]});
    EXPECT_EQ(lease_.state(), State::Acquiring);
}

TEST_F(LeaseTest, RenewsWithOneQuestionAtATime) {
    become_holder();
    at(1'850);
    step(event::Tick{});
    EXPECT_TRUE(asked_.contains(2));
    at(2'100);
    step(event::Tick{});
    EXPECT_FALSE(last<action::Ask>() && last<action::Ask>()->voter == voter(2)) << "it has not answered";
}

TEST_F(LeaseTest, TheDeadlineMovesWithTheSendTimeOfTheSlowestOfAQuorum) {
    become_holder();
    at(1'850);
    step(event::Tick{});
    at(1'900);
    answer(2);
    EXPECT_EQ(lease_.view().deadline, BootTime(milliseconds(1'600 + 1'584)));
    at(2'000);
    answer(3);
    EXPECT_EQ(lease_.view().deadline, BootTime(milliseconds(1'850 + 1'584)));
}

TEST_F(LeaseTest, TwoMissedAnswersCloseASession) {
    become_holder();
    at(1'850);
    step(event::Tick{});
    answer(3);
    at(2'349);
    step(event::Tick{});
    EXPECT_FALSE(last<action::Close>());
    at(2'350);
    step(event::Tick{});
    ASSERT_TRUE(last<action::Close>());
    EXPECT_EQ(last<action::Close>()->voter, voter(2));
}

// Stopped for a while: what it finds at its end is not used any more.
TEST_F(LeaseTest, ASessionThatWasSilentForTheTimeoutIsClosedNotRenewed) {
    become_holder();
    at(2'400);
    step(event::Tick{});
    EXPECT_FALSE(last<action::Ask>() && last<action::Ask>()->question.kind == Question::Kind::Renew);
    EXPECT_TRUE(last<action::Close>());
    EXPECT_EQ(lease_.state(), State::Holder) << "the deadline has not come yet";
}

TEST_F(LeaseTest, AtTheDeadlineItStepsDownAndClosesEverything) {
    become_holder();
    at(1'850);
    step(event::Tick{});
    answer_all();
    at(1'900);
    step(event::Tick{});
    at(1'850 + 1'584);
    step(event::Tick{});
    EXPECT_EQ(lease_.state(), State::Resting);
    EXPECT_TRUE(last<action::SteppedDown>());
    EXPECT_TRUE(std::holds_alternative<action::Publish>(actions_.front())) << "first of all";
    EXPECT_FALSE(lease_.view().may_act(now_));
}

// The answer was in time for the voter, but the process was not there to see it.
TEST_F(LeaseTest, AnAnswerAfterTheDeadlineProlongsNothing) {
    become_holder();
    at(1'850);
    step(event::Tick{});
    at(1'600 + 1'584);
    answer(2);
    EXPECT_EQ(lease_.state(), State::Resting);
    EXPECT_FALSE(lease_.view().may_act(now_));
}

TEST_F(LeaseTest, AnAnswerOfAnOldSessionTellsNothing) {
    become_holder();
    at(1'850);
    step(event::Tick{});
    const SessionId old = opened_[2];
    step(event::Lost{voter(2), old});
    at(2'050);
    step(event::Tick{});
    ASSERT_NE(opened_[2], old);
    open(2);
    const View before = lease_.view();
    step(event::Answered{voter(2), old, {.has_lock = true, .epoch = Epoch(5), .server_clock = clock_}});
    EXPECT_EQ(lease_.view(), before);
    EXPECT_EQ(asked_.at(2).kind, Question::Kind::Lock) << "still not answered";
}

TEST_F(LeaseTest, AHolderThatLosesASessionCountsItsNewLockAtOnce) {
    become_holder();
    at(1'700);
    step(event::Lost{voter(2), opened_[2]});
    EXPECT_EQ(lease_.state(), State::Holder) << "what it has voted stays true";
    at(1'850);
    step(event::Tick{});
    open(2);
    answer(2);
    answer(3);
    EXPECT_EQ(lease_.view().deadline, BootTime(milliseconds(1'850 + 1'584)));
}

TEST_F(LeaseTest, ACommandGoesThroughTheLeaseSession) {
    become_holder();
    at(1'700);
    step(event::Command{CommandId(1), voter(2)});
    ASSERT_TRUE(last<action::Ask>());
    const Question question = last<action::Ask>()->question;
    EXPECT_EQ(question.kind, Question::Kind::Run);
    EXPECT_EQ(question.command, CommandId(1));
    EXPECT_EQ(question.record, Epoch(5));
    // By the server's clock as it was heard at 1600 ms: until 1700 + 800 ms, less the drift.
    EXPECT_EQ(question.not_after, clock_ + std::chrono::microseconds(891'000));
    answer(2);
    EXPECT_EQ(asked_.count(2), 0U);
}

TEST_F(LeaseTest, ACommandWaitsForTheAnswerThatIsOwed) {
    become_holder();
    at(1'850);
    step(event::Tick{});
    step(event::Command{CommandId(1), voter(2)});
    EXPECT_FALSE(last<action::Ask>());
    step(event::Command{CommandId(2), voter(2)});
    EXPECT_EQ(last<action::NotRun>()->command, CommandId(2));
    answer(2);
    EXPECT_EQ(last<action::Ask>()->question.command, CommandId(1));
}

TEST_F(LeaseTest, NoCommandIsSentThatCouldTakeEffectAfterTheDeadline) {
    become_holder();
    at(1'850);
    step(event::Tick{});
    answer(3);
    at(2'300);
    step(event::Tick{});
    ASSERT_EQ(lease_.view().deadline, BootTime(milliseconds(3'184)));
    at(2'349);
    step(event::Command{CommandId(1), voter(3)});
    EXPECT_FALSE(last<action::NotRun>());
    answer(3);
    at(2'350 + 40);
    step(event::Command{CommandId(2), voter(3)});
    ASSERT_TRUE(last<action::NotRun>());
    EXPECT_EQ(last<action::NotRun>()->reason, "the lease ends too soon for it");
}

TEST_F(LeaseTest, OnlyAHolderSendsCommands) {
    take_locks();
    step(event::Command{CommandId(1), voter(2)});
    EXPECT_EQ(last<action::NotRun>()->reason, "this member does not hold the lease");
}

TEST_F(LeaseTest, ACommandWhoseSessionEndsIsInDoubt) {
    become_holder();
    step(event::Command{CommandId(1), voter(2)});
    step(event::Lost{voter(2), opened_[2]});
    EXPECT_EQ(last<action::InDoubt>()->command, CommandId(1));
}

TEST_F(LeaseTest, AHandOverIsOfferedAcceptedAndReleased) {
    become_holder();
    step(event::HandOver{kPeer});
    ASSERT_TRUE(last<action::Send>());
    EXPECT_EQ(last<action::Send>()->message.kind, Message::Kind::Offer);
    EXPECT_TRUE(lease_.view().may_act(now_)) << "an offer is no release";
    step(event::Received{{.kind = Message::Kind::Accept, .epoch = Epoch(5), .from = kPeer, .to = kSelf}});
    EXPECT_EQ(lease_.state(), State::Releasing);
    EXPECT_FALSE(lease_.view().may_act(now_));
    EXPECT_FALSE(last<action::Send>()) << "something may still act by the old view";
    step(event::GatesClosed{Epoch(4)});
    EXPECT_EQ(lease_.state(), State::Releasing);
    step(event::GatesClosed{Epoch(5)});
    EXPECT_EQ(lease_.state(), State::Resting);
    ASSERT_TRUE(last<action::Send>());
    EXPECT_EQ(last<action::Send>()->message.kind, Message::Kind::Released);
    EXPECT_TRUE(last<action::Close>());
    EXPECT_EQ(wake_, now_ + Parameters{}.yield);
}

TEST_F(LeaseTest, NothingIsReleasedWhileACommandMayStillTakeEffect) {
    become_holder();
    step(event::Command{CommandId(1), voter(2)});
    step(event::HandOver{kPeer});
    step(event::Received{{.kind = Message::Kind::Accept, .epoch = Epoch(5), .from = kPeer, .to = kSelf}});
    step(event::GatesClosed{Epoch(5)});
    EXPECT_EQ(lease_.state(), State::Releasing);
    at(1'650);
    answer(2);
    EXPECT_EQ(lease_.state(), State::Resting);
}

TEST_F(LeaseTest, ASuccessorThatDoesNotAnswerLeavesTheLeaseWhereItIs) {
    become_holder();
    step(event::HandOver{kPeer});
    live_until(2'600);
    step(event::Tick{});
    EXPECT_EQ(lease_.state(), State::Holder);
    step(event::Received{{.kind = Message::Kind::Accept, .epoch = Epoch(5), .from = kPeer, .to = kSelf}});
    EXPECT_EQ(lease_.state(), State::Holder) << "too late";
}

TEST_F(LeaseTest, WhatDoesNotStopInTimeIsNotReleased) {
    become_holder();
    step(event::HandOver{kPeer});
    step(event::Received{{.kind = Message::Kind::Accept, .epoch = Epoch(5), .from = kPeer, .to = kSelf}});
    live_until(3'200);
    step(event::Tick{});
    EXPECT_EQ(lease_.state(), State::Resting);
    EXPECT_FALSE(last<action::Send>());
}

class SuccessorTest : public LeaseTest {
protected:
    // Both nodes have epoch 6 on record, as after a holder with it.
    void take_locks_of_epoch_6() {
        step(event::Campaign{});
        for (const std::size_t index : {2U, 3U}) {
            open(index);
            answer(index, Epoch(6));
        }
    }
};

TEST_F(SuccessorTest, WhatIsReleasedNeedsNoWait) {
    take_locks_of_epoch_6();
    ASSERT_EQ(lease_.state(), State::Waiting);
    at(20);
    step(event::Received{{.kind = Message::Kind::Released, .epoch = Epoch(6), .from = kPeer, .to = kSelf}});
    EXPECT_EQ(lease_.state(), State::Confirming);
    answer_all();
    EXPECT_EQ(lease_.state(), State::Holder);
    EXPECT_EQ(lease_.view().epoch, Epoch(7));
}

TEST_F(SuccessorTest, AReleaseOfAnOlderEpochIsNotTheLastHolders) {
    take_locks_of_epoch_6();
    step(event::Received{{.kind = Message::Kind::Released, .epoch = Epoch(5), .from = kPeer, .to = kSelf}});
    EXPECT_EQ(lease_.state(), State::Waiting);
}

TEST_F(SuccessorTest, AReleaseToSomebodyElseIsNotHeard) {
    take_locks_of_epoch_6();
    step(event::Received{{.kind = Message::Kind::Released, .epoch = Epoch(6), .from = kPeer, .to = kPeer}});
    EXPECT_EQ(lease_.state(), State::Waiting);
}

TEST_F(SuccessorTest, AnOfferIsAcceptedButEndsNoWait) {
    take_locks_of_epoch_6();
    step(event::Received{{.kind = Message::Kind::Offer, .epoch = Epoch(6), .from = kPeer, .to = kSelf}});
    EXPECT_EQ(last<action::Send>()->message.kind, Message::Kind::Accept);
    EXPECT_EQ(lease_.state(), State::Waiting);
}

TEST_F(SuccessorTest, AnOfferMakesAFollowerACandidate) {
    step(event::Received{{.kind = Message::Kind::Offer, .epoch = Epoch(6), .from = kPeer, .to = kSelf}});
    EXPECT_EQ(lease_.state(), State::Acquiring);
    EXPECT_EQ(opened_.size(), 4U);
}

// What a fenced holder has sent may be under way for as long as a session lives.
TEST_F(SuccessorTest, AfterFencingItWaitsForTheTimeOfASession) {
    take_locks_of_epoch_6();
    step(event::Fenced{Epoch(6)});
    EXPECT_EQ(lease_.state(), State::Waiting);
    live_until(800);
    EXPECT_EQ(lease_.state(), State::Waiting);
    at(809);
    step(event::Tick{});
    EXPECT_EQ(lease_.state(), State::Confirming);
}

TEST_F(LeaseTest, WithdrawEndsTheLease) {
    become_holder();
    step(event::Withdraw{});
    EXPECT_EQ(lease_.state(), State::Follower);
    EXPECT_TRUE(last<action::SteppedDown>());
    EXPECT_FALSE(lease_.view().may_act(now_));
    EXPECT_EQ(wake_, BootTime::max());
}

TEST_F(LeaseTest, AnEpochIsNeverUsedAgain) {
    become_holder();
    step(event::Withdraw{});
    opened_.clear();
    asked_.clear();
    at(2'000);
    take_locks();
    live_until(3'600);
    step(event::Tick{});
    answer_all();
    EXPECT_EQ(lease_.view().epoch, Epoch(6));
}

}  // namespace
}  // namespace pgpool::lease
