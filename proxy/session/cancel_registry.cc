// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/cancel_registry.h"

namespace pgpool::session {

CancelKey CancelRegistry::add(const CancelTarget& target, std::uint64_t random) {
    const std::lock_guard lock(mutex_);
    // Process ids are positive; clients read them as signed.
    auto pid = static_cast<std::uint32_t>(random >> 33U);
    while (pid == 0 || by_pid_.contains(pid)) pid = (pid + 1) & 0x7fffffffU;
    const auto secret = static_cast<std::uint32_t>(random);
    by_pid_[pid] = {secret, target};
    return {pid, secret};
}

void CancelRegistry::remove(const CancelKey& key) {
    const std::lock_guard lock(mutex_);
    by_pid_.erase(key.pid);
}

std::optional<CancelTarget> CancelRegistry::find(const CancelKey& key) const {
    const std::lock_guard lock(mutex_);
    const auto at = by_pid_.find(key.pid);
    if (at == by_pid_.end() || at->second.secret != key.secret) return std::nullopt;
    return at->second.target;
}

}  // namespace pgpool::session
