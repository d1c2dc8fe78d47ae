// SPDX-License-Identifier: PostgreSQL
#pragma once

// Tickler: tells the clients of the holder before that it is gone (vip/packet/tickle.h).
//
// Each gets a tickle at once and a few more later: a frame may be lost, and while a router's hardware address
// is looked for the kernel keeps some hundred packets and drops the rest. Whoever has had its reset answers
// the next one with a reset of its own, which harms nobody.
//
// With thousands of clients sending takes a while: not for the thread that holds the addresses. Threads: one.

#include <cstddef>
#include <vector>

#include "vip/packet/tickle.h"
#include "vip/tenure/never.h"

namespace pgpool::vip {

class Tickler {
public:
    // Sends to each of them. How many were sent; an error if none was.
    [[nodiscard]] Result<std::size_t> begin(BootTime now, std::vector<Connection> clients);
    // Sends again to those it is time for.
    void repeat(BootTime now);
    [[nodiscard]] BootTime next() const;  // when repeat() is due

private:
    struct Round {
        std::vector<Connection> clients;
        BootTime began;
        std::size_t repeats = 0;  // that were made
    };
    std::vector<Round> rounds_;
};

}  // namespace pgpool::vip
