// SPDX-License-Identifier: PostgreSQL
#pragma once

// The version of the bus, and who may talk to whom. Pure.
//
// The minor number is raised with every change of a message, the major number when old and new cannot
// understand each other at all. A daemon of minor version N talks to N - 1, N and N + 1, so that the programs
// of one member can be replaced one after the other. What makes that possible is in codec.h.

#include <compare>
#include <cstdint>
#include <string_view>

#include "common/base/error.h"

namespace pgpool::bus {

struct Version {
    std::uint16_t major = 0;
    std::uint16_t minor = 0;
    friend constexpr auto operator<=>(const Version&, const Version&) = default;
};

// Of this source.
inline constexpr Version kNewest{.major = 1, .minor = 2};
// What this program speaks: kNewest, but for those that tests/versions links with another one.
extern const Version kVersion;

// An error in words for operators if these two cannot talk; `peer` is the program at the other end.
[[nodiscard]] Result<void> check_version(Version ours, Version theirs, std::string_view peer);

}  // namespace pgpool::bus
