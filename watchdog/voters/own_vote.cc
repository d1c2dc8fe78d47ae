// SPDX-License-Identifier: PostgreSQL
#include "watchdog/voters/own_vote.h"

#include <algorithm>

namespace pgpool::voters {

void OwnVote::ask(lease::VoterId member, SessionId session, const lease::Question& question, BootTime now) {
    using Verdict = lease::MemberVoter::Verdict;
    const MemberId id(member.value);
    const Verdict verdict = question.kind == lease::Question::Kind::Lock
                                ? voter_.lock(id, session, now)
                                : voter_.renew(id, session, question.record, now);
    Reply reply{.member = member, .session = session, .is_closed = verdict == Verdict::Closed, .answer = {}};
    reply.answer.has_lock = verdict == Verdict::Granted;
    reply.answer.epoch = voter_.epoch();
    replies_.push_back(reply);
}

void OwnVote::close(lease::VoterId member, SessionId session) {
    voter_.close(MemberId(member.value), session);
    std::erase_if(replies_,
                  [&](const Reply& reply) { return reply.member == member && reply.session == session; });
}

std::vector<OwnVote::Reply> OwnVote::take_replies() {
    const auto waits = [this](const Reply& reply) {
        return !reply.is_closed && reply.answer.epoch > stored_;
    };
    const auto first = std::find_if(replies_.begin(), replies_.end(), waits);
    std::vector<Reply> ready(replies_.begin(), first);
    replies_.erase(replies_.begin(), first);
    return ready;
}

}  // namespace pgpool::voters
