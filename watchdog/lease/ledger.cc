// SPDX-License-Identifier: PostgreSQL
#include "watchdog/lease/ledger.h"

#include <algorithm>

#include "common/base/error.h"

namespace pgpool::lease {

Ledger::Ledger(const Votes& votes, const Parameters& parameters)
    : votes_(votes), parameters_(parameters), seats_(votes.size()) {}

bool Ledger::has_lock() const {
    return std::ranges::any_of(seats_, [](const Seat& seat) { return seat.session.phase == Phase::Locked; });
}

bool Ledger::has_quorum() const {
    return weight_where([](const Seat& seat) { return seat.session.phase == Phase::Locked; }) >=
           votes_.quorum();
}

BootTime Ledger::deadline() const {
    BootTime latest = kNever;
    for (const Seat& candidate : seats_) {
        if (candidate.vote <= latest) continue;
        const auto is_as_fresh = [&](const Seat& seat) { return seat.vote >= candidate.vote; };
        if (weight_where(is_as_fresh) >= votes_.quorum()) latest = candidate.vote;
    }
    return latest == kNever ? kNever : latest + parameters_.shortened(parameters_.lease);
}

BootTime Ledger::quorum_acquired() const {
    BootTime earliest = BootTime::max();
    for (const Seat& candidate : seats_) {
        const BootTime limit = candidate.session.acquired;
        if (candidate.session.phase != Phase::Locked || limit >= earliest) continue;
        const auto is_there = [&](const Seat& seat) {
            return seat.session.phase == Phase::Locked && seat.session.acquired <= limit;
        };
        if (weight_where(is_there) >= votes_.quorum()) earliest = limit;
    }
    PGPOOL_ASSERT(earliest != BootTime::max());
    return earliest;
}

bool Ledger::is_confirmed(BootDuration wait, Epoch epoch, BootTime now) const {
    const BootDuration lease = parameters_.shortened(parameters_.lease);
    return std::any_of(seats_.begin(), seats_.end(), [&](const Seat& last) {
        if (last.session.phase != Phase::Locked) return false;
        const BootTime acquired = last.session.acquired;
        const auto confirms = [&](const Seat& seat) {
            const Session& session = seat.session;
            return session.phase == Phase::Locked && session.acquired <= acquired &&
                   session.fresh >= acquired + wait && session.recorded == epoch &&
                   now < session.fresh + lease;
        };
        return weight_where(confirms) >= votes_.quorum();
    });
}

BootTime Ledger::locked_until() const {
    BootTime latest = kNever;
    for (const Seat& last : seats_) {
        for (const Seat& stalest : seats_) {
            const BootTime acquired = last.session.acquired;
            const BootTime fresh = stalest.session.fresh;
            if (fresh < acquired || fresh <= latest) continue;
            const auto had_it = [&](const Seat& seat) {
                const Session& session = seat.session;
                return session.phase == Phase::Locked && session.acquired <= acquired &&
                       session.fresh >= fresh;
            };
            if (weight_where(had_it) >= votes_.quorum()) latest = fresh;
        }
    }
    return latest == kNever ? kNever : latest + parameters_.shortened(parameters_.lease);
}

bool Ledger::is_quiet(BootTime now) const {
    return std::all_of(seats_.begin(), seats_.end(),
                       [&](const Seat& seat) { return seat.doubt_until <= now; });
}

void Ledger::forget_votes() {
    for (Seat& seat : seats_) seat.vote = kNever;
}

}  // namespace pgpool::lease
