// SPDX-License-Identifier: PostgreSQL
#include "vip/kernel/link_monitor.h"

#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <netlink/route/link.h>
#include <sys/socket.h>

#include <array>

namespace pgpool::vip {

namespace {

using RtnlLinkPtr = std::unique_ptr<rtnl_link, Freed<&rtnl_link_put>>;

// A bond or a bridge without ports is "up" by its flags; operstate tells. Some drivers do not set it.
bool is_operational(std::uint8_t operstate) {
    return operstate == IF_OPER_UP || operstate == IF_OPER_UNKNOWN;
}

}  // namespace

Result<LinkMonitor> LinkMonitor::open() {
    auto bell = open_netlink(NETLINK_ROUTE);
    auto requests = open_netlink(NETLINK_ROUTE);
    if (!bell || !requests) return tl::unexpected((bell ? requests : bell).error());
    if (const int error = nl_socket_add_membership(bell->get(), RTNLGRP_LINK); error < 0)
        return fail_netlink("watch interfaces", error);
    nl_socket_set_nonblocking(bell->get());
    return LinkMonitor(std::move(*bell), std::move(*requests));
}

void LinkMonitor::drain() {
    std::array<char, 16 * 1024> ignored{};
    for (;;) {
        const ssize_t got = ::recv(fd(), ignored.data(), ignored.size(), MSG_DONTWAIT);
        if (got < 0 && errno != ENOBUFS && errno != EINTR) return;
    }
}

Link LinkMonitor::state(const std::string& interface) {
    rtnl_link* found = nullptr;
    if (rtnl_link_get_kernel(requests_.get(), 0, interface.c_str(), &found) < 0) return {};
    const RtnlLinkPtr link(found);
    const nl_addr* hardware = rtnl_link_get_addr(found);
    if (hardware == nullptr || nl_addr_get_len(hardware) != 6) return {};
    const ByteView mac(static_cast<const char*>(nl_addr_get_binary_addr(hardware)), 6);
    const unsigned flags = rtnl_link_get_flags(found);
    const bool is_usable = (flags & IFF_UP) != 0 && (flags & IFF_LOWER_UP) != 0 &&
                           is_operational(rtnl_link_get_operstate(found));
    return {is_usable, MacAddress::from_bytes(mac)};
}

}  // namespace pgpool::vip
