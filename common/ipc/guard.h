// SPDX-License-Identifier: PostgreSQL
#pragma once

// Guard: lets libqb read from a datagram socket only what the peer itself has sent, and only frames.
//
// libqb's datagram sockets have names in the abstract namespace, which every process of the network namespace
// can read in /proc/net/unix and write to until the socket is connected to its peer. libqb asks nobody who a
// datagram is from, and takes the size in its header for its length. So before libqb reads, the guard looks
// at what is at the head of the queue: the kernel stamps every datagram with pid and uid of its sender
// (SO_PASSCRED, unix(7)). What is not from the peer, or is no frame, is taken out and counted. What was
// queued before the guard was set carries no stamp, and goes the same way. Reasons and alternatives:
// docs/adr/0018-bus.md.
//
// Threads: that of the socket's reader. The socket stays libqb's.

#include <cstdint>

#include "common/ipc/trust.h"

namespace pgpool::ipc {

class Guard {
public:
    // Throws if the kernel refuses.
    Guard(int socket, Credentials peer);

    // Whether a genuine frame is at the head now. After kBatch drops it says no: the rest is for the next
    // turn.
    [[nodiscard]] bool is_next_genuine();

    [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

private:
    enum class Head { None, Genuine, Foreign };
    static constexpr int kBatch = 64;

    [[nodiscard]] Head look() const;

    int socket_;
    Credentials peer_;
    std::uint64_t dropped_ = 0;
};

}  // namespace pgpool::ipc
