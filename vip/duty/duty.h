// SPDX-License-Identifier: PostgreSQL
#pragma once

// Duty: what the watchdog has ordered, and how far it is carried out. It is told orders, what happens to the
// addresses, and the time; it answers with what the holder is to do and what the watchdog is to hear. Pure.
//
// An order to take stands until another order comes, whatever becomes of the watchdog or an address: what
// was refused or lost is tried again while the lease allows it. It is acknowledged once: when all addresses
// are held, or when one is refused for a reason that does not pass by itself. That somebody answers for it
// passes: the kernel of a dead holder does so for a lifetime.
//
// Invariants. (1) Every order is acknowledged once, if the connection that it came by lasts. (2) A release is
// acknowledged only after the holder has let go of each address and the kernel was looked at (Deed::Confirm).
// (3) A state is told when it differs from the one told before, and all of them to a watchdog that is new.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/boot_clock.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/bus/messages.h"
#include "vip/packet/virtual_address.h"
#include "vip/tenure/event.h"
#include "vip/tenure/never.h"

namespace pgpool::vip {

enum class Deed : std::uint8_t {
    None,
    Take,
    TakeGracefully,
    Release,
    Confirm,  // look whether the kernel has one of the addresses still; then confirmed()
};

// The deed first, then the messages.
struct Answers {
    Deed deed = Deed::None;
    std::vector<bus::Message> messages;
};

class Duty {
public:
    Duty(std::vector<VirtualAddress> addresses, milliseconds lifetime);

    [[nodiscard]] Answers order(BootTime now, const bus::VipOrder& order);
    [[nodiscard]] Answers happened(BootTime now, const VirtualAddress& address, const Event& event);
    // The kernel has none of them any more, or a problem.
    [[nodiscard]] Answers confirmed(const std::string& problem);
    // `deadline`: until when the lease allows to hold what is ordered.
    [[nodiscard]] Answers tick(BootTime now, BootTime deadline);
    [[nodiscard]] BootTime next() const;  // when tick() is due

    [[nodiscard]] Answers watchdog_found();
    void watchdog_lost() { owed_.clear(); }
    // The configuration was changed; the holder knows.
    [[nodiscard]] Answers assign(std::vector<VirtualAddress> addresses, milliseconds lifetime);
    // This program ends: everything is let go.
    [[nodiscard]] Answers end();
    [[nodiscard]] bool is_over() const { return stage_ == Stage::Idle && is_ending_; }

    // That the lease must have; none: nothing may be held.
    [[nodiscard]] Epoch mandated() const { return stage_ == Stage::Taking ? epoch_ : Epoch(); }

private:
    enum class Stage : std::uint8_t { Idle, Taking, Releasing };
    struct Place {
        VirtualAddress address;
        bus::VipPhase phase = bus::VipPhase::Absent;
        std::string reason = {};
        bool is_awaited = false;          // the holder has not done yet what the order says
        BootTime conflict_over = kNever;  // if nobody claims it again
    };

    [[nodiscard]] Answers take(BootTime now, const bus::VipOrder& order);
    [[nodiscard]] Answers release(const bus::VipOrder& order);
    void let_go(Answers& answers);
    void gone(Answers& answers, BootTime now, Place& place, const Event& event);
    void confirm_if_gone(Answers& answers);
    void settle_if_held(Answers& answers);
    void acknowledge(Answers& answers, bus::Outcome outcome, const std::string& reason);
    void enter(Answers& answers, Place& place, bus::VipPhase phase, const std::string& reason);
    [[nodiscard]] bus::VipState state_of(const Place& place) const;
    [[nodiscard]] bool is_late(BootTime now) const { return now >= began_ + patience_; }

    std::vector<Place> places_;
    milliseconds patience_;  // how long an order to take is not given up
    Stage stage_ = Stage::Idle;
    bool is_ending_ = false;
    Epoch epoch_;  // of the last order
    BootTime began_;
    BootTime again_ = kNever;          // Taking: when what is absent is tried again, ...
    Deed retry_ = Deed::Take;          // ... and how
    std::vector<std::uint64_t> owed_;  // orders that are not acknowledged yet
};

}  // namespace pgpool::vip
