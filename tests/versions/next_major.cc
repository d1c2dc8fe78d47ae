// SPDX-License-Identifier: PostgreSQL
// A release that does not understand this one.
#include "common/bus/version.h"
#include "watchdog/group/exchange.h"

namespace pgpool {

const bus::Version bus::kVersion{.major = bus::kNewest.major + 1, .minor = 0};
const std::uint16_t group::kProtocol = group::kNewestProtocol + 2;

}  // namespace pgpool
