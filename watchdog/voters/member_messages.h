// SPDX-License-Identifier: PostgreSQL
#pragma once

// What members say to each other about the lease, as bytes: a version, a kind, numbers in network byte
// order. Who sent it is known from the group. Pure.

#include <optional>
#include <string>
#include <variant>

#include "common/base/bytes.h"
#include "watchdog/lease/events.h"

namespace pgpool::voters {

struct VoteQuestion {
    SessionId session;
    lease::Question question;  // Lock or Renew
};
struct VoteAnswer {
    SessionId session;
    lease::Answer answer;  // without a clock
};
struct VoteClose {  // from who asks: it gives the session up
    SessionId session;
};
struct VoteClosed {  // from who answers: the session is over
    SessionId session;
};

using MemberMessage = std::variant<VoteQuestion, VoteAnswer, VoteClose, VoteClosed, lease::Message>;

[[nodiscard]] std::string encode(const MemberMessage& message);
// Nothing if it is not one of this version: it is to be ignored, as if it had been lost.
[[nodiscard]] std::optional<MemberMessage> decode(ByteView bytes);

}  // namespace pgpool::voters
