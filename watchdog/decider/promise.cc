// SPDX-License-Identifier: PostgreSQL
#include "watchdog/decider/promise.h"

#include <algorithm>

#include "watchdog/nodes/orders.h"

namespace pgpool::decider {

decide::SyncPlan Promise::plan(const decide::ClusterState& state, const decide::Policy& policy,
                               std::span<const std::string> streaming) {
    decide::SyncRule wanted = decide::wanted_sync(state, policy);
    wanted.needed = std::min(wanted.needed, wanted.names.size());
    return decide::plan_sync(state.sync, wanted, streaming, policy.durability);
}

Promise::Next Promise::look(const decide::ClusterState& state, const decide::Policy& policy,
                            const nodes::Probe& primary, std::span<const std::string> streaming) {
    const nodes::NodeFacts& facts = *primary.facts;
    const decide::SyncPlan plan = Promise::plan(state, policy, streaming);
    const bool is_in_force = facts.sync_names == nodes::sync_names(plan.rule);
    Next next{.record = {}, .set = {}, .stalled = plan.stalled};
    if (plan.step != decide::SyncStep::SetThenRecord) forget();
    switch (plan.step) {
        case decide::SyncStep::Keep:
            // Where no confirmations are asked for, the operator's own setting is none of ours.
            if (!is_in_force && policy.confirmations > 0) next.set = plan.rule;
            break;
        case decide::SyncStep::Record:
        case decide::SyncStep::RecordThenSet:
            next.record = plan.rule;
            break;
        case decide::SyncStep::SetThenRecord:
            if (!is_in_force) {
                forget();
                next.set = plan.rule;
            } else if (have_followers_it(plan.rule, primary)) {
                next.record = plan.rule;
            }
            break;
    }
    return next;
}

bool Promise::have_followers_it(const decide::SyncRule& rule, const nodes::Probe& primary) {
    const nodes::NodeFacts& facts = *primary.facts;
    if (!seen_ || seen_->names != facts.sync_names) {
        seen_ = Seen{facts.sync_names, primary.begun, Lsn(0)};
        return false;
    }
    if (seen_->written.value == 0 && primary.begun > seen_->when) seen_->written = facts.flushed;
    if (seen_->written.value == 0) return false;
    const auto have_it = std::ranges::count_if(facts.followers, [&](const nodes::Follower& follower) {
        return follower.is_streaming && rule.is_listed(follower.name) && follower.flushed >= seen_->written;
    });
    return static_cast<std::size_t>(have_it) >= rule.needed;
}

}  // namespace pgpool::decider
