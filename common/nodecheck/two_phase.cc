// SPDX-License-Identifier: PostgreSQL
#include "common/nodecheck/two_phase.h"

#include <fmt/core.h>

namespace pgpool::nodecheck {

bool must_prepare(const config::Replication& replication) {
    return replication.commit == config::Commit::Prepared;
}

std::string why_not_prepared(std::string_view node, std::uint64_t max_prepared_transactions,
                             const config::Replication& replication) {
    const bool is_needed = replication.commit != config::Commit::Ordered;
    if (!is_needed || max_prepared_transactions >= replication.slots) return {};
    return fmt::format(
        "node \"{}\": max_prepared_transactions is {}, replication.commit: {} needs at least {} "
        "(replication.slots); set it in its postgresql.conf and restart that server",
        node, max_prepared_transactions, must_prepare(replication) ? "prepared" : "auto", replication.slots);
}

}  // namespace pgpool::nodecheck
