// SPDX-License-Identifier: PostgreSQL
#include "watchdog/group/exchange.h"

namespace pgpool::group {

const std::uint16_t kProtocol = kNewestProtocol;

}  // namespace pgpool::group
