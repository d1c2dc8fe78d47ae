// SPDX-License-Identifier: PostgreSQL
// The next release: it goes together with this one.
#include "common/bus/version.h"
#include "watchdog/group/exchange.h"

namespace pgpool {

const bus::Version bus::kVersion{.major = bus::kNewest.major, .minor = bus::kNewest.minor + 1};
const std::uint16_t group::kProtocol = group::kNewestProtocol + 1;

}  // namespace pgpool
