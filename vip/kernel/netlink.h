// SPDX-License-Identifier: PostgreSQL
#pragma once

// libnl-3 with owners and Results. Threads: a socket belongs to one.

#include <netlink/msg.h>
#include <netlink/netlink.h>

#include <functional>
#include <memory>

#include "common/base/error.h"

namespace pgpool::vip {

template <auto Free>
struct Freed {
    template <typename T>
    void operator()(T* object) const {
        Free(object);
    }
};

using NlSocketPtr = std::unique_ptr<nl_sock, Freed<&nl_socket_free>>;
using NlMessagePtr = std::unique_ptr<nl_msg, Freed<&nlmsg_free>>;

// "add 10.0.0.1/32@eth0: Operation not permitted".
[[nodiscard]] tl::unexpected<Error> fail_netlink(std::string_view what, int nl_error);

// A connected socket of a protocol (NETLINK_ROUTE).
[[nodiscard]] Result<NlSocketPtr> open_netlink(int protocol);

// Sends and waits for the acknowledgement, which the kernel has made when sending returns. A libnl error
// code.
[[nodiscard]] int send_and_confirm(nl_sock* socket, NlMessagePtr message);

// Sends, and calls `visit` for each message of the answer.
[[nodiscard]] int send_and_visit(nl_sock* socket, NlMessagePtr message,
                                 const std::function<void(nlmsghdr*)>& visit);

}  // namespace pgpool::vip
