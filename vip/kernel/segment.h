// SPDX-License-Identifier: PostgreSQL
#pragma once

// Segment: the Ethernet that a virtual address is on: asks who has it, hears who claims it, announces it.
//
// One AF_PACKET socket per address, with a filter in the kernel that lets through only ARP or neighbour
// advertisements which claim it. Threads: one. Nothing waits.

#include <optional>

#include "common/base/unique_fd.h"
#include "vip/packet/mac_address.h"
#include "vip/packet/ndp.h"
#include "vip/packet/virtual_address.h"

namespace pgpool::vip {

class Segment {
public:
    [[nodiscard]] static Result<Segment> open(const VirtualAddress& address);

    [[nodiscard]] int fd() const { return socket_.get(); }
    [[nodiscard]] Result<void> probe(const MacAddress& own);
    [[nodiscard]] Result<void> announce(const MacAddress& own);  // both forms for IPv4
    // Who claims the address, one after the other; nothing when all is read. Takes each frame it reads from
    // `frames`, and nothing more once that is 0.
    [[nodiscard]] std::optional<MacAddress> next_claim(int& frames);

private:
    Segment(const IpAddress& address, Forwards forwards, UniqueFd socket)
        : address_(address), forwards_(forwards), socket_(std::move(socket)) {}
    [[nodiscard]] Result<void> transmit(ByteView frame);

    IpAddress address_;
    Forwards forwards_;
    UniqueFd socket_;
};

}  // namespace pgpool::vip
