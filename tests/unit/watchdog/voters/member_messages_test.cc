// SPDX-License-Identifier: PostgreSQL
#include "watchdog/voters/member_messages.h"

#include <gtest/gtest.h>

namespace pgpool::voters {
namespace {

constexpr std::uint64_t kBig = 0x0123456789abcdef;

template <typename T>
T through(const T& message) {
    const auto decoded = decode(encode(message));
    if (!decoded || !std::holds_alternative<T>(*decoded))
        throw std::runtime_error("another message came out");
    return std::get<T>(*decoded);
}

TEST(MemberMessages, questions_arrive_as_they_were) {
    using Kind = lease::Question::Kind;
    for (const Kind kind : {Kind::Lock, Kind::Renew}) {
        VoteQuestion question{SessionId(kBig), {}};
        question.question.kind = kind;
        question.question.record = Epoch(kBig + 1);
        const VoteQuestion arrived = through(question);
        EXPECT_EQ(arrived.session, question.session);
        EXPECT_EQ(arrived.question.kind, kind);
        EXPECT_EQ(arrived.question.record, Epoch(kBig + 1));
    }
}

TEST(MemberMessages, answers_arrive_as_they_were) {
    for (const bool has_lock : {false, true}) {
        VoteAnswer answer{SessionId(7), {}};
        answer.answer.has_lock = has_lock;
        answer.answer.epoch = Epoch(kBig);
        const VoteAnswer arrived = through(answer);
        EXPECT_EQ(arrived.session, SessionId(7));
        EXPECT_EQ(arrived.answer.has_lock, has_lock);
        EXPECT_EQ(arrived.answer.epoch, Epoch(kBig));
    }
    EXPECT_EQ(through(VoteClose{SessionId(kBig)}).session, SessionId(kBig));
    EXPECT_EQ(through(VoteClosed{SessionId(kBig)}).session, SessionId(kBig));
}

TEST(MemberMessages, hand_over_arrives_as_it_was) {
    using Kind = lease::Message::Kind;
    for (const Kind kind : {Kind::Offer, Kind::Accept, Kind::Released}) {
        const auto arrived = through(
            lease::Message{.kind = kind, .epoch = Epoch(kBig), .from = MemberId(513), .to = MemberId(2)});
        EXPECT_EQ(arrived.kind, kind);
        EXPECT_EQ(arrived.epoch, Epoch(kBig));
        EXPECT_EQ(arrived.from, MemberId(513));
        EXPECT_EQ(arrived.to, MemberId(2));
    }
}

TEST(MemberMessages, what_is_not_whole_or_of_another_version_is_none) {
    const std::string good = encode(VoteAnswer{SessionId(1), {}});
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_FALSE(decode(good.substr(0, size)).has_value()) << size;
    }
    EXPECT_FALSE(decode(good + 'x').has_value());
    std::string other = good;
    other[0] = 2;
    EXPECT_FALSE(decode(other).has_value());
    other = good;
    other[1] = 99;
    EXPECT_FALSE(decode(other).has_value());
}

}  // namespace
}  // namespace pgpool::voters
