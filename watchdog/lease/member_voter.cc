// SPDX-License-Identifier: PostgreSQL
#include "watchdog/lease/member_voter.h"

#include <algorithm>

namespace pgpool::lease {

MemberVoter::MemberVoter(const Parameters& parameters, BootTime started, Epoch stored)
    : parameters_(parameters), abstains_until_(started + parameters.lease), epoch_(stored) {}

bool MemberVoter::is_held(BootTime now) const {
    return grant_ && now < grant_->renewed + parameters_.session_timeout;
}

MemberVoter::Verdict MemberVoter::lock(MemberId member, SessionId session, BootTime now) {
    if (now < abstains_until_) return Verdict::Refused;
    if (is_held(now) && grant_->member != member) return Verdict::Refused;
    grant_ = Grant{member, session, now};
    return Verdict::Granted;
}

MemberVoter::Verdict MemberVoter::renew(MemberId member, SessionId session, Epoch record, BootTime now) {
    if (!is_held(now) || grant_->member != member || grant_->session != session) return Verdict::Closed;
    grant_->renewed = now;
    epoch_ = std::max(epoch_, record);
    return Verdict::Granted;
}

void MemberVoter::close(MemberId member, SessionId session) {
    if (grant_ && grant_->member == member && grant_->session == session) grant_.reset();
}

}  // namespace pgpool::lease
