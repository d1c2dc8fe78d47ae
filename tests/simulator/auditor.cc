// SPDX-License-Identifier: PostgreSQL
#include "tests/simulator/auditor.h"

#include <fmt/format.h>

#include <iterator>

namespace pgpool::simulator {

void Auditor::became(MemberId member, Epoch epoch) {
    ++tally.holders;
    if (epoch <= last_epoch_) {
        report(fmt::format("member {} becomes holder with epoch {} after one with epoch {}", member.value,
                           epoch.value, last_epoch_.value));
    }
    last_epoch_ = std::max(last_epoch_, epoch);
    last_holder_ = member;
}

void Auditor::may_act(MemberId member, Epoch epoch, const char* where) {
    if (acting_ && acting_->epoch != epoch) {
        report(fmt::format("two may act: member {} with epoch {} ({}) and member {} with epoch {} ({})",
                           acting_->member.value, acting_->epoch.value, acting_->where, member.value,
                           epoch.value, where));
    }
    acting_ = Acting{member, epoch, where};
}

void Auditor::end_check(Time now) {
    std::erase_if(overlaps_, [this](const auto& overlap) {
        return !holding_.contains(overlap.first.first) || !holding_.contains(overlap.first.second);
    });
    for (auto one = holding_.begin(); one != holding_.end(); ++one) {
        for (auto other = std::next(one); other != holding_.end(); ++other) {
            const auto [overlap, is_new] = overlaps_.try_emplace({*one, *other}, now);
            tally.overlaps += is_new ? 1 : 0;
            if (now - overlap->second <= parameters_.lengthened(parameters_.lease)) continue;
            report(fmt::format("members {} and {} may have the addresses for longer than a lease", one->value,
                               other->value));
        }
    }
}

void Auditor::took_effect(const Connection& link, Epoch epoch) {
    ++tally.commands;
    if (epoch < last_epoch_) {
        report(fmt::format(
            "a command of epoch {} takes effect at voter {} after a holder with epoch {} became one",
            epoch.value, link.voter.value, last_epoch_.value));
    }
    if (!link.is_before_deadline()) {
        report(fmt::format("a command of member {} takes effect at voter {} after its deadline",
                           link.member.value, link.voter.value));
    }
}

void Auditor::asks(const Connection& link, const lease::Question& question, BootTime local) {
    if (link.is_asked) {
        report(fmt::format("member {} asks voter {} a second question in session {}", link.member.value,
                           link.voter.value, link.session.value));
    }
    if (question.kind == lease::Question::Kind::Lock) return;
    if (local - link.fresh >= parameters_.session_timeout) {
        report(fmt::format("member {} renews a session at voter {} that was silent for {} ms",
                           link.member.value, link.voter.value,
                           std::chrono::duration_cast<milliseconds>(local - link.fresh).count()));
    }
}

void Auditor::granted(const Connection& link, Time now) {
    const auto found = grants_.find(link.voter);
    // By the voter's own clock, which may be fast by half of the drift.
    if (found != grants_.end() && found->second.member != link.member &&
        now < found->second.served + parameters_.shortened(parameters_.session_timeout)) {
        report(fmt::format("voter {} grants to member {} what it has promised to member {}", link.voter.value,
                           link.member.value, found->second.member.value));
    }
    grants_[link.voter] = Grant{link.member, link.session, now};
}

void Auditor::renewed(const Connection& link, Time now) {
    const auto found = grants_.find(link.voter);
    if (found == grants_.end() || found->second.session != link.session ||
        found->second.member != link.member) {
        report(fmt::format("voter {} renews a session of member {} that has no grant", link.voter.value,
                           link.member.value));
        return;
    }
    found->second.served = now;
}

void Auditor::closed(const Connection& link) {
    const auto found = grants_.find(link.voter);
    if (found == grants_.end() || found->second.session != link.session) return;
    if (found->second.member == link.member) grants_.erase(found);
}

}  // namespace pgpool::simulator
