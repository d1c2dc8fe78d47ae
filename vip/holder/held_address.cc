// SPDX-License-Identifier: PostgreSQL
#include "vip/holder/held_address.h"

#include <fmt/core.h>

#include <utility>

#include "common/page/boot_now.h"
#include "vip/kernel/local_route.h"

namespace pgpool::vip {

namespace {

// Mostly it takes less than one. Small against the lifetime, also for several addresses.
constexpr milliseconds kUntilLocal{10};

// Whoever floods the segment with claims must not keep the holder from its refreshes and deadlines, which it
// looks at between two turns.
constexpr int kFramesPerTurn = 32;

}  // namespace

HeldAddress::HeldAddress(const VirtualAddress& address, const config::Vip& timing, Effect effect,
                         AddressTable& table, LinkMonitor& links, Observer& observer)
    : address_(address),
      lifetime_(std::chrono::duration_cast<seconds>(timing.lifetime)),
      effect_(effect),
      table_(table),
      links_(links),
      observer_(observer),
      tenure_(timing) {}

void HeldAddress::retime(const config::Vip& timing) {
    lifetime_ = std::chrono::duration_cast<seconds>(timing.lifetime);
    tenure_.retime(page::boot_now(), timing);
}

void HeldAddress::take(BootTime deadline, Approach approach) {
    if (tenure_.state() != Tenure::State::Absent)
        return perform(tenure_.take(page::boot_now(), deadline, approach, {}));
    if (const Result<void> unused = table_.check_unused(address_.address); !unused)
        return tell({EventKind::Refused, Reason::Configured, {}, unused.error().message});
    const Link link = links_.state(address_.interface);
    if (link.is_usable) {
        auto opened = Segment::open(address_);
        if (!opened) return tell({EventKind::Refused, Reason::Kernel, {}, opened.error().message});
        segment_.emplace(std::move(*opened));
    }
    perform(tenure_.take(page::boot_now(), deadline, approach, link));
}

void HeldAddress::release() {
    perform(tenure_.release());
}

void HeldAddress::end() {
    if (tenure_.state() != Tenure::State::Absent) release();
}

void HeldAddress::tick(BootTime deadline) {
    perform(tenure_.tick(page::boot_now(), deadline));
}

void HeldAddress::hear_claims() {
    int frames = kFramesPerTurn;
    while (segment_) {
        const std::optional<MacAddress> by = segment_->next_claim(frames);
        if (!by) return;
        perform(tenure_.claimed(page::boot_now(), *by));
    }
}

void HeldAddress::look_at_link() {
    if (tenure_.state() == Tenure::State::Absent) return;
    perform(tenure_.link_changed(page::boot_now(), links_.state(address_.interface)));
}

void HeldAddress::perform(Steps steps) {
    for (const Act step : steps.acts) {
        const Result<void> done = act(step);
        if (!done) return perform(tenure_.failed(step, done.error().message));
    }
    if (tenure_.state() == Tenure::State::Absent) segment_.reset();
    if (steps.event) tell(*steps.event);
}

Result<void> HeldAddress::act(Act act) {
    if (effect_ == Effect::Real || act == Act::Probe) return act_really(act);
    plan(act);
    return {};
}

Result<void> HeldAddress::act_really(Act act) {
    switch (act) {
        case Act::Probe:
            return segment_->probe(links_.state(address_.interface).mac);
        case Act::Put:
            return put();
        case Act::Refresh:
            return refresh();
        case Act::Announce:
            return announce();
        case Act::Remove:
            return table_.remove(address_);
    }
    return {};
}

Result<void> HeldAddress::refresh() {
    Result<void> done = table_.put(address_, lifetime_);
    tenure_.placed(page::boot_now());
    return done;
}

// Announced too early, it would draw packets that the kernel still drops.
Result<void> HeldAddress::put() {
    Result<void> done = refresh();
    if (done) wait_until_local(address_.address, kUntilLocal);
    return done;
}

// With the hardware address of this moment: a bond may just have changed it, and its notification wait behind
// this. That an announcement is not sent does not take the address away: more of them follow.
Result<void> HeldAddress::announce() {
    const Link link = links_.state(address_.interface);
    if (link.is_usable) static_cast<void>(segment_->announce(link.mac));
    return {};
}

void HeldAddress::plan(Act act) {
    const auto planned = [&](std::string detail) {
        tell({EventKind::Planned, Reason::None, {}, std::move(detail)});
    };
    if (act == Act::Put) planned(fmt::format("put on for {} s, and refresh", lifetime_.count()));
    if (act == Act::Announce) planned("announce");
    if (act == Act::Remove) planned("take off");
}

}  // namespace pgpool::vip
