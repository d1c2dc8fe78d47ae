// SPDX-License-Identifier: PostgreSQL
#include "vip/kernel/connections.h"

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netlink/msg.h>

#include <utility>

#include "vip/kernel/netlink.h"

namespace pgpool::vip {

namespace {

constexpr std::uint32_t state_bit(unsigned state) {
    return 1U << state;
}
constexpr std::uint32_t kSynReceivedRequest = state_bit(12);  // TCP_NEW_SYN_RECV of the kernel
constexpr std::uint32_t kConnected = state_bit(TCP_ESTABLISHED) | state_bit(TCP_SYN_RECV) |
                                     state_bit(TCP_FIN_WAIT1) | state_bit(TCP_FIN_WAIT2) |
                                     state_bit(TCP_CLOSE_WAIT) | state_bit(TCP_LAST_ACK) |
                                     state_bit(TCP_CLOSING) | kSynReceivedRequest;

struct Found {
    std::uint8_t family = AF_INET;  // AF_INET6 also for IPv4 through a socket that serves both
    inet_diag_sockid id{};
    Connection connection;
};

NlMessagePtr request(int type, int flags, const inet_diag_req_v2& body) {
    NlMessagePtr message(nlmsg_alloc_simple(type, flags));
    inet_diag_req_v2 copy = body;
    if (message && nlmsg_append(message.get(), &copy, sizeof copy, NLMSG_ALIGNTO) < 0) return nullptr;
    return message;
}

inet_diag_req_v2 tcp_of(std::uint8_t family) {
    inet_diag_req_v2 body{};
    body.sdiag_family = family;
    body.sdiag_protocol = IPPROTO_TCP;
    body.idiag_states = kConnected;
    return body;
}

Endpoint endpoint(std::uint8_t family, const __be32 (&address)[4], __be16 port) {
    const ByteView bytes(reinterpret_cast<const char*>(address), family == AF_INET6 ? 16 : 4);
    return {IpAddress::from_bytes(bytes), load_be16(reinterpret_cast<const char*>(&port))};
}

Result<std::vector<Found>> find(nl_sock* socket, const IpAddress& address) {
    std::vector<Found> found;
    const auto visit = [&](nlmsghdr* message) {
        if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY || nlmsg_datalen(message) < int{sizeof(inet_diag_msg)})
            return;
        const auto* told = static_cast<const inet_diag_msg*>(nlmsg_data(message));
        const Endpoint own = endpoint(told->idiag_family, told->id.idiag_src, told->id.idiag_sport);
        if (own.address != address) return;
        const Endpoint client = endpoint(told->idiag_family, told->id.idiag_dst, told->id.idiag_dport);
        found.push_back({told->idiag_family, told->id, {own, client}});
    };
    for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
        NlMessagePtr message = request(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, tcp_of(family));
        if (!message) return fail_netlink("list connections", -NLE_NOMEM);
        const int error = send_and_visit(socket, std::move(message), visit);
        if (error < 0) return fail_netlink("list connections", error);
    }
    return found;
}

}  // namespace

Result<std::vector<Connection>> connections_at(const IpAddress& address) {
    const auto socket = open_netlink(NETLINK_SOCK_DIAG);
    if (!socket) return tl::unexpected(socket.error());
    const auto found = find(socket->get(), address);
    if (!found) return tl::unexpected(found.error());
    std::vector<Connection> connections;
    for (const Found& one : *found) connections.push_back(one.connection);
    return connections;
}

Result<std::size_t> close_connections_at(const IpAddress& address) {
    const auto socket = open_netlink(NETLINK_SOCK_DIAG);
    if (!socket) return tl::unexpected(socket.error());
    const auto found = find(socket->get(), address);
    if (!found) return tl::unexpected(found.error());
    std::size_t closed = 0;
    for (const Found& one : *found) {
        inet_diag_req_v2 body = tcp_of(one.family);
        body.id = one.id;
        const int error = send_and_confirm(socket->get(), request(SOCK_DESTROY, NLM_F_ACK, body));
        if (error == -NLE_PERM || error == -NLE_OPNOTSUPP) return fail_netlink("close connections", error);
        if (error == 0) ++closed;  // else it has ended by itself meanwhile
    }
    return closed;
}

}  // namespace pgpool::vip
