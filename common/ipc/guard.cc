// SPDX-License-Identifier: PostgreSQL
#include "common/ipc/guard.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "common/ipc/frame.h"

namespace pgpool::ipc {

namespace {
// Pid 0: not stamped.
ucred sender_of(msghdr& message) {
    ucred sender{};
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_CREDENTIALS) {
            std::memcpy(&sender, CMSG_DATA(part), sizeof sender);
        }
    }
    return sender;
}
}  // namespace

Guard::Guard(int socket, Credentials peer) : socket_(socket), peer_(peer) {
    const int on = 1;
    if (::setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0) {
        throw std::system_error(errno, std::generic_category(), "SO_PASSCRED");
    }
}

bool Guard::is_next_genuine() {
    for (int i = 0; i < kBatch; ++i) {
        const Head head = look();
        if (head != Head::Foreign) return head == Head::Genuine;
        char byte = 0;
        [[maybe_unused]] const ssize_t taken = ::recv(socket_, &byte, 1, MSG_DONTWAIT);
        ++dropped_;
    }
    return false;
}

Guard::Head Guard::look() const {
    std::array<char, kFrameHeader> head;                                   // NOLINT: filled by the kernel
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> control;  // NOLINT: the same
    iovec part{.iov_base = head.data(), .iov_len = head.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = ::recvmsg(socket_, &message, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
    if (size < 0) return Head::None;
    const ucred sender = sender_of(message);
    const auto length = static_cast<std::size_t>(size);
    const bool is_from_peer = sender.pid == peer_.pid && sender.uid == peer_.uid;
    return is_from_peer && is_frame({head.data(), std::min(length, head.size())}, length) ? Head::Genuine
                                                                                          : Head::Foreign;
}

}  // namespace pgpool::ipc
