// SPDX-License-Identifier: PostgreSQL
#include "vip/tenure/tenure.h"

#include <algorithm>
#include <utility>

namespace pgpool::vip {

namespace {

// The kernel drops an address up to 0.2 s after its lifetime (measured 1.02 to 1.20 s for one second).
constexpr milliseconds kKernelDelay{200};
// Of these 0.1 s are for the way from the look at the clock to the kernel.
constexpr milliseconds kMargin = kKernelDelay + milliseconds(100);
constexpr milliseconds kDefencePeriod{1'000};
// A refresh that the deadline forbids is tried again so often: the mandate may be renewed meanwhile.
constexpr int kRetriesPerRefresh = 4;

}  // namespace

Tenure::Tenure(const config::Vip& timing)
    : lifetime_(timing.lifetime),
      refresh_(timing.refresh),
      probes_(timing.probes),
      probe_interval_(timing.probe_interval),
      announcements_(timing.announce_period) {}

void Tenure::retime(BootTime now, const config::Vip& timing) {
    lifetime_ = timing.lifetime;
    refresh_ = timing.refresh;
    probes_ = timing.probes;
    probe_interval_ = timing.probe_interval;
    announcements_ = Announcements(timing.announce_period);
    if (state_ == State::Held) announcements_.begin(now);
}

bool Tenure::may_refresh(BootTime now, BootTime deadline) const {
    return now + lifetime_ + kMargin <= deadline;
}

// If nobody took it off.
bool Tenure::outlives(BootTime deadline) const {
    return expires_ + kKernelDelay > deadline;
}

Steps Tenure::take(BootTime now, BootTime deadline, Approach approach, const Link& link) {
    if (state_ == State::Held) return {{}, Event{EventKind::Kept, Reason::None, {}, {}}};
    if (state_ == State::Probing) return {};
    if (!link.is_usable) return refuse(Reason::LinkDown);
    if (!may_refresh(now, deadline)) return refuse(Reason::NoMandate);
    own_ = link.mac;
    if (approach == Approach::Graceful) return begin(now);
    state_ = State::Probing;
    probes_sent_ = 0;
    return probe(now);
}

Steps Tenure::probe(BootTime now) {
    ++probes_sent_;
    next_probe_ = now + probe_interval_;
    return {{Act::Probe}, {}};
}

Steps Tenure::begin(BootTime now) {
    state_ = State::Held;
    valid_until_ = now + lifetime_;
    expires_ = valid_until_;
    next_refresh_ = now + refresh_;
    may_defend_ = now;
    defence_ = kNever;
    announcements_.begin(now);
    static_cast<void>(announcements_.take_due(now));
    return {{Act::Put, Act::Announce}, Event{EventKind::Taken, Reason::None, {}, {}}};
}

Steps Tenure::end(EventKind kind, Reason reason) {
    const bool was_held = std::exchange(state_, State::Absent) == State::Held;
    Steps steps;
    if (was_held) steps.acts.push_back(Act::Remove);
    steps.event = Event{was_held ? kind : EventKind::Refused, reason, {}, {}};
    return steps;
}

Steps Tenure::refuse(Reason reason) {
    return {{}, Event{EventKind::Refused, reason, {}, {}}};
}

Steps Tenure::release() {
    if (state_ == State::Absent) return {{}, Event{EventKind::Released, Reason::Asked, {}, {}}};
    return end(EventKind::Released, Reason::Asked);
}

Steps Tenure::failed(Act act, std::string why) {
    Steps steps = end(act == Act::Put ? EventKind::Refused : EventKind::Lost, Reason::Kernel);
    if (act == Act::Remove) steps.event->kind = EventKind::Lost;
    steps.event->detail = std::move(why);
    return steps;
}

Steps Tenure::tick(BootTime now, BootTime deadline) {
    switch (state_) {
        case State::Absent:
            return {};
        case State::Probing:
            if (now >= deadline) return end(EventKind::Refused, Reason::MandateEnded);
            if (now < next_probe_) return {};
            return probes_sent_ < probes_ || !may_refresh(now, deadline) ? probe(now) : begin(now);
        case State::Held:
            return hold(now, deadline);
    }
    return {};
}

Steps Tenure::hold(BootTime now, BootTime deadline) {
    if (now >= deadline || outlives(deadline)) return end(EventKind::Released, Reason::MandateEnded);
    const bool may = may_refresh(now, deadline);
    if (now >= valid_until_)
        return may ? end(EventKind::Lost, Reason::Stalled) : end(EventKind::Released, Reason::MandateEnded);
    Steps steps;
    if (now >= next_refresh_) {
        next_refresh_ = now + (may ? refresh_ : refresh_ / kRetriesPerRefresh);
        if (may) {
            valid_until_ = now + lifetime_;
            expires_ = valid_until_;
            steps.acts.push_back(Act::Refresh);
        }
    }
    if (now >= defence_) {
        steps.event = Event{EventKind::Conflict, Reason::None, rival_, {}};
        defence_ = kNever;
        may_defend_ = now + kDefencePeriod;
    }
    if (announcements_.take_due(now) || steps.event) steps.acts.push_back(Act::Announce);
    return steps;
}

Steps Tenure::claimed(BootTime now, const MacAddress& by) {
    if (state_ == State::Absent || by == own_) return {};
    if (state_ == State::Held) {
        rival_ = by;
        return defend(now);
    }
    Steps steps = end(EventKind::Refused, Reason::Answered);
    steps.event->mac = by;
    return steps;
}

Steps Tenure::defend(BootTime now) {
    if (now < may_defend_) {
        defence_ = may_defend_;
        return {};
    }
    may_defend_ = now + kDefencePeriod;
    defence_ = kNever;
    return {{Act::Announce}, Event{EventKind::Conflict, Reason::None, rival_, {}}};
}

Steps Tenure::link_changed(BootTime now, const Link& link) {
    if (state_ == State::Absent) return {};
    if (!link.is_usable) return end(EventKind::Lost, Reason::LinkDown);
    if (std::exchange(own_, link.mac) == link.mac || state_ != State::Held) return {};
    announcements_.begin(now);
    static_cast<void>(announcements_.take_due(now));
    return {{Act::Announce}, Event{EventKind::MacChanged, Reason::None, link.mac, {}}};
}

BootTime Tenure::next(BootTime deadline) const {
    switch (state_) {
        case State::Absent:
            return kNever;
        case State::Probing:
            return std::min(next_probe_, deadline);
        case State::Held:
            if (outlives(deadline)) return BootTime::min();
            return std::min({next_refresh_, announcements_.next(), defence_, valid_until_, deadline});
    }
    return kNever;
}

}  // namespace pgpool::vip
