// SPDX-License-Identifier: PostgreSQL
#include "vip/kernel/local_route.h"

#include <linux/rtnetlink.h>

#include <ctime>

#include "common/page/boot_now.h"
#include "vip/kernel/netlink.h"

namespace pgpool::vip {

namespace {

bool is_local(nl_sock* socket, const IpAddress& address) {
    NlMessagePtr request(nlmsg_alloc_simple(RTM_GETROUTE, 0));
    rtmsg head{};
    head.rtm_family = AF_INET6;
    head.rtm_dst_len = static_cast<std::uint8_t>(address.prefix_length());
    const ByteView bytes = address.bytes();
    if (!request || nlmsg_append(request.get(), &head, sizeof head, NLMSG_ALIGNTO) < 0 ||
        nla_put(request.get(), RTA_DST, static_cast<int>(bytes.size()), bytes.data()) < 0)
        return false;
    bool found = false;
    const int error = send_and_visit(socket, std::move(request), [&](nlmsghdr* answer) {
        found = static_cast<const rtmsg*>(nlmsg_data(answer))->rtm_type == RTN_LOCAL;
    });
    return error >= 0 && found;
}

void nap() {
    const timespec quarter_millisecond{0, 250'000};
    ::nanosleep(&quarter_millisecond, nullptr);
}

}  // namespace

bool wait_until_local(const IpAddress& address, milliseconds bound) {
    if (!address.is_v6()) return true;
    const auto socket = open_netlink(NETLINK_ROUTE);
    if (!socket) return false;
    nl_socket_disable_auto_ack(socket->get());  // the answer is one message
    for (const BootTime end = page::boot_now() + bound; !is_local(socket->get(), address); nap())
        if (page::boot_now() >= end) return false;
    return true;
}

}  // namespace pgpool::vip
