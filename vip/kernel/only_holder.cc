// SPDX-License-Identifier: PostgreSQL
#include "vip/kernel/only_holder.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string_view>
#include <thread>

#include "common/base/clock.h"

namespace pgpool::vip {

namespace {

// Of one that was killed the name is free when the last of its threads has ended.
constexpr milliseconds kPatience{1000};
constexpr milliseconds kPause{10};

}  // namespace

Result<UniqueFd> be_the_only_holder() {
    constexpr std::string_view kName{"\0pgpool-vip", 11};  // abstract: no file is left behind
    UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket.valid()) return fail_errno("socket", errno);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(kName.begin(), kName.end(), address.sun_path);
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + kName.size());
    const TimePoint end = SteadyClock::now() + kPatience;
    while (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) {
        if (errno != EADDRINUSE) return fail_errno("name of the holder", errno);
        if (SteadyClock::now() >= end)
            return fail(sqlstate::kSystemError,
                        "another pgpool-vip holds addresses on this host; end it first");
        std::this_thread::sleep_for(kPause);
    }
    return socket;
}

}  // namespace pgpool::vip
