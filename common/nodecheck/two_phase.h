// SPDX-License-Identifier: PostgreSQL
#pragma once

// Whether nodes can prepare transactions, where replication.commit makes them. Pure.

#include <cstdint>
#include <string>
#include <string_view>

#include "common/config/config.h"

namespace pgpool::nodecheck {

// All transactions are prepared, so a node that cannot hold them cannot be used.
[[nodiscard]] bool must_prepare(const config::Replication& replication);

// One transaction of every slot may be prepared on a node. Empty: it can hold them, or is not asked to; else
// what is to be done. `max_prepared_transactions` is what the node says.
[[nodiscard]] std::string why_not_prepared(std::string_view node, std::uint64_t max_prepared_transactions,
                                           const config::Replication& replication);

}  // namespace pgpool::nodecheck
