// SPDX-License-Identifier: PostgreSQL
#pragma once

// Strong identifiers: a NodeId cannot be passed where a session number is wanted.

#include <compare>
#include <cstdint>
#include <functional>

namespace pgpool {

template <typename Tag, typename Value>
struct StrongId {
    Value value{};
    constexpr StrongId() = default;
    constexpr explicit StrongId(Value v) : value(v) {}
    friend constexpr auto operator<=>(const StrongId&, const StrongId&) = default;
};

// Index of a PostgreSQL node; stable for the life of the process, never given to another node.
using NodeId = StrongId<struct NodeIdTag, std::uint16_t>;
// An instance of the appliance; never reused for another one while the configuration lives.
using MemberId = StrongId<struct MemberIdTag, std::uint16_t>;
using SessionId = StrongId<struct SessionIdTag, std::uint64_t>;
// Number of a lease: rises with each holder, is never used by two. 0 = none.
using Epoch = StrongId<struct EpochTag, std::uint64_t>;
// A WAL position in bytes, PG type pg_lsn. 0 = unknown.
using Lsn = StrongId<struct LsnTag, std::uint64_t>;

}  // namespace pgpool

template <typename Tag, typename Value>
struct std::hash<pgpool::StrongId<Tag, Value>> {
    std::size_t operator()(const pgpool::StrongId<Tag, Value>& id) const noexcept {
        return std::hash<Value>{}(id.value);
    }
};
