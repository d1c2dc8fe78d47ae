// SPDX-License-Identifier: PostgreSQL
#pragma once

// LinkMonitor: wakes up when an interface changes, and tells the state of one.
//
// The kernel's notifications are taken as a bell only: what they say is thrown away and the state is asked
// for. So an overrun of the socket loses nothing. Threads: one.

#include "vip/kernel/netlink.h"
#include "vip/tenure/tenure.h"

namespace pgpool::vip {

class LinkMonitor {
public:
    [[nodiscard]] static Result<LinkMonitor> open();

    [[nodiscard]] int fd() const { return nl_socket_get_fd(bell_.get()); }  // readable: something has changed
    void drain();

    // Usable: up, with a carrier, and an Ethernet address. An interface that does not exist is not.
    [[nodiscard]] Link state(const std::string& interface);

private:
    LinkMonitor(NlSocketPtr bell, NlSocketPtr requests)
        : bell_(std::move(bell)), requests_(std::move(requests)) {}

    NlSocketPtr bell_;
    NlSocketPtr requests_;
};

}  // namespace pgpool::vip
