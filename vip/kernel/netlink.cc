// SPDX-License-Identifier: PostgreSQL
#include "vip/kernel/netlink.h"

#include <fmt/core.h>

namespace pgpool::vip {

namespace {

int on_message(nl_msg* message, void* visit) noexcept {
    (*static_cast<const std::function<void(nlmsghdr*)>*>(visit))(nlmsg_hdr(message));
    return NL_OK;
}

}  // namespace

tl::unexpected<Error> fail_netlink(std::string_view what, int nl_error) {
    return fail(sqlstate::kSystemError, fmt::format("{}: {}", what, nl_geterror(nl_error)));
}

Result<NlSocketPtr> open_netlink(int protocol) {
    NlSocketPtr socket(nl_socket_alloc());
    if (!socket) return fail_netlink("netlink socket", -NLE_NOMEM);
    if (const int error = nl_connect(socket.get(), protocol); error < 0)
        return fail_netlink("netlink socket", error);
    return socket;
}

int send_and_confirm(nl_sock* socket, NlMessagePtr message) {
    return nl_send_sync(socket, message.release());  // frees it
}

int send_and_visit(nl_sock* socket, NlMessagePtr message, const std::function<void(nlmsghdr*)>& visit) {
    if (const int error = nl_send_auto(socket, message.get()); error < 0) return error;
    // libnl takes a void pointer and hands it back to on_message().
    nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, on_message,
                        const_cast<std::function<void(nlmsghdr*)>*>(&visit));
    const int error = nl_recvmsgs_default(socket);
    nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_DEFAULT, nullptr, nullptr);
    return error;
}

}  // namespace pgpool::vip
