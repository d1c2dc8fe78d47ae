// SPDX-License-Identifier: PostgreSQL
#pragma once

// Clients: whoever is connected to a virtual address when it comes or goes. Those of the holder before, this
// host included, are told when it comes (kernel/tickler.h); what is left of our own is closed when it goes.
//
// Threads: one; not that of the Holder, since with thousands of clients this takes time.

#include <map>
#include <vector>

#include "vip/holder/holder.h"
#include "vip/kernel/tickler.h"

namespace pgpool::vip {

class Clients {
public:
    explicit Clients(Effect effect) : effect_(effect) {}

    // The connections of the holder before, in place of those told last; this host may be it.
    void expect(std::vector<Connection> of_holder_before) { expected_ = std::move(of_holder_before); }

    // The address is here: tells the clients that had it elsewhere. How many; an error if none could be.
    Result<std::size_t> address_taken(const VirtualAddress& address);
    // It is gone: closes the connections at it. How many.
    Result<std::size_t> address_gone(const VirtualAddress& address);

    void repeat();
    [[nodiscard]] BootTime next() const { return tickler_.next(); }  // when repeat() is due

private:
    const Effect effect_;
    std::vector<Connection> expected_;
    std::map<IpAddress, std::vector<Connection>> closed_;  // by ourselves, when the address went
    Tickler tickler_;
};

}  // namespace pgpool::vip
