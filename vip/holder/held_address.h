// SPDX-License-Identifier: PostgreSQL
#pragma once

// HeldAddress: one Tenure with the sockets that its acts need. Part of Holder; its thread only.

#include <optional>

#include "vip/holder/holder.h"
#include "vip/kernel/segment.h"

namespace pgpool::vip {

class HeldAddress {
public:
    HeldAddress(const VirtualAddress& address, const config::Vip& timing, Effect effect, AddressTable& table,
                LinkMonitor& links, Observer& observer);

    void retime(const config::Vip& timing);
    void take(BootTime deadline, Approach approach);
    void release();
    void end();  // releases what is there
    void tick(BootTime deadline);
    void hear_claims();
    void look_at_link();

    [[nodiscard]] const VirtualAddress& address() const { return address_; }
    [[nodiscard]] BootTime next(BootTime deadline) const { return tenure_.next(deadline); }
    [[nodiscard]] int fd() const { return segment_ ? segment_->fd() : -1; }

private:
    void perform(Steps steps);
    [[nodiscard]] Result<void> act(Act act);
    [[nodiscard]] Result<void> act_really(Act act);
    [[nodiscard]] Result<void> put();
    [[nodiscard]] Result<void> refresh();
    [[nodiscard]] Result<void> announce();
    void plan(Act act);
    void tell(const Event& event) { observer_.on_event(address_, event); }

    const VirtualAddress address_;
    seconds lifetime_;
    const Effect effect_;
    AddressTable& table_;
    LinkMonitor& links_;
    Observer& observer_;
    Tenure tenure_;
    std::optional<Segment> segment_;  // while it is probed for or held
};

}  // namespace pgpool::vip
