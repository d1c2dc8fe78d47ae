// SPDX-License-Identifier: PostgreSQL
#pragma once

// CancelRegistry: the keys that clients hold (BackendKeyData), and whom a CancelRequest with such a key
// means. Keys are ours, random, and say nothing about server processes.
//
// Threads: any.

#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>

namespace pgpool::session {

struct CancelKey {
    std::uint32_t pid = 0;
    std::uint32_t secret = 0;
};

struct CancelTarget {
    std::uint32_t worker = 0;
    std::uint64_t session = 0;
};

class CancelRegistry {
public:
    // A fresh key for this session. `random`: at least 64 bits of a cryptographic generator at every call.
    [[nodiscard]] CancelKey add(const CancelTarget& target, std::uint64_t random);
    void remove(const CancelKey& key);
    [[nodiscard]] std::optional<CancelTarget> find(const CancelKey& key) const;

private:
    struct Entry {
        std::uint32_t secret = 0;
        CancelTarget target;
    };
    mutable std::mutex mutex_;
    std::unordered_map<std::uint32_t, Entry> by_pid_;
};

}  // namespace pgpool::session
