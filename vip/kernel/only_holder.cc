// SPDX-License-Identifier: PostgreSQL
#include "vip/kernel/only_holder.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string_view>

namespace pgpool::vip {

Result<UniqueFd> be_the_only_holder() {
    constexpr std::string_view kName{"\0pgpool-vip", 11};  // abstract: no file is left behind
    UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket.valid()) return fail_errno("socket", errno);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(kName.begin(), kName.end(), address.sun_path);
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + kName.size());
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0) return socket;
    if (errno != EADDRINUSE) return fail_errno("name of the holder", errno);
    return fail(sqlstate::kSystemError, "another pgpool-vip holds addresses on this host; end it first");
}

}  // namespace pgpool::vip
