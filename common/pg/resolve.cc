// SPDX-License-Identifier: PostgreSQL
#include "common/pg/resolve.h"

#include <fmt/core.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace pgpool::pg {

namespace {

using Addresses = Result<std::vector<std::string>>;

constexpr milliseconds kStopSlice{20};

struct AddressListDeleter {
    void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

Addresses look_up(const std::string& host, int flags) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags;
    addrinfo* raw = nullptr;
    const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &raw);
    if (code != 0) {
        return fail(sqlstate::kCannotConnect,
                    fmt::format("cannot resolve {}: {}", host, ::gai_strerror(code)));
    }
    const std::unique_ptr<addrinfo, AddressListDeleter> list(raw);
    std::vector<std::string> addresses;
    for (const addrinfo* at = raw; at != nullptr; at = at->ai_next) {
        char text[NI_MAXHOST];
        if (::getnameinfo(at->ai_addr, at->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0)
            continue;
        if (std::ranges::find(addresses, text) == addresses.end()) addresses.emplace_back(text);
    }
    return addresses;
}

// Shared by the waiter and the thread that may outlive it.
struct PendingLookUp {
    std::mutex mutex;
    std::condition_variable done;
    std::optional<Addresses> answer;
};

}  // namespace

Addresses resolve(const std::string& host, TimePoint deadline, const std::atomic<bool>* stop) {
    if (host.starts_with('/')) return std::vector<std::string>{host};
    if (Addresses numeric = look_up(host, AI_NUMERICHOST)) return numeric;
    auto pending = std::make_shared<PendingLookUp>();
    std::thread([pending, host] {
        Addresses answer = look_up(host, AI_ADDRCONFIG);
        const std::lock_guard lock(pending->mutex);
        pending->answer = std::move(answer);
        pending->done.notify_one();
    }).detach();
    std::unique_lock lock(pending->mutex);
    while (!pending->answer) {
        const TimePoint now = SteadyClock::now();
        if (now >= deadline) {
            return fail(sqlstate::kCannotConnect, fmt::format("cannot resolve {}: no answer in time", host));
        }
        if (stop != nullptr && stop->load(std::memory_order_relaxed)) {
            return fail(sqlstate::kAdminShutdown, "stopped");
        }
        pending->done.wait_until(lock, std::min(deadline, now + kStopSlice));
    }
    return std::move(*pending->answer);
}

}  // namespace pgpool::pg
