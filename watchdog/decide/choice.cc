// SPDX-License-Identifier: PostgreSQL
#include "watchdog/decide/choice.h"

#include <fmt/core.h>

#include <algorithm>
#include <tuple>

namespace pgpool::decide {

namespace {

using Candidates = std::vector<const NodeSight*>;

std::string lsn_text(Lsn lsn) {
    return fmt::format("{:X}/{:X}", lsn.value >> 32, lsn.value & 0xffffffff);
}

// Why it does not count; empty: it does.
std::string why_not(const NodeSight& node, const ChoiceRules& rules) {
    const Kinship kin = kinship(node.lineage, node.flushed, rules.cluster);
    const bool is_failover = rules.kind == ChoiceRules::Kind::Failover;
    const bool is_vouched_for = is_failover && rules.may_lose_data && rules.wanted == node.name;
    if (!node.is_reached) return "it is not reached";
    if (!node.is_in_service && !is_vouched_for) return "it is not in service";
    if (!node.is_standby) return "it is no standby";
    const bool is_later = is_failover && rules.may_lose_data && kin == Kinship::Promoted;
    if (!can_follow(kin) && !is_later && !is_vouched_for) return describe(kin, node.lineage, rules.cluster);
    const bool must_be_cut_off = is_failover && rules.must_be_cut_off;
    return must_be_cut_off && !node.is_cut_off ? "it is not cut off from the old primary" : "";
}

// Why it is not promoted although it counts; empty: it may be.
std::string why_not_promoted(const NodeSight& node, const ChoiceRules& rules) {
    if (!rules.wanted.empty()) return node.name != rules.wanted ? "another one was asked for" : "";
    if (node.priority == 0) return "it is tagged never to be promoted";
    return node.is_stuck ? "its replay does not get on" : "";
}

bool is_better(const NodeSight* a, const NodeSight* b) {
    return std::tuple(b->lineage.timeline, b->flushed, a->priority, b->replayed, a->name) <
           std::tuple(a->lineage.timeline, a->flushed, b->priority, a->replayed, b->name);
}

const NodeSight* furthest(const Candidates& nodes) {
    const auto found = std::ranges::max_element(nodes, {}, &NodeSight::flushed);
    return found != nodes.end() ? *found : nullptr;
}

struct Sorted {
    Candidates counting;
    Candidates promotable;  // best first
    std::vector<Turndown> turned_down;
};

Sorted sort_out(std::span<const NodeSight> nodes, const ChoiceRules& rules) {
    Sorted sorted;
    for (const NodeSight& node : nodes) {
        if (node.name == rules.primary) continue;
        std::string why = why_not(node, rules);
        if (why.empty()) {
            sorted.counting.push_back(&node);
            why = why_not_promoted(node, rules);
        }
        if (why.empty()) {
            sorted.promotable.push_back(&node);
        } else {
            sorted.turned_down.push_back({node.name, std::move(why)});
        }
    }
    std::ranges::sort(sorted.promotable, is_better);
    return sorted;
}

std::size_t listed_among(const Candidates& nodes, const SyncRule& sync) {
    return static_cast<std::size_t>(
        std::ranges::count_if(nodes, [&](const NodeSight* node) { return sync.is_listed(node->name); }));
}

// Why acknowledged commits could be missing on the node; empty: they cannot.
struct Objection {
    std::string why;
    std::string unblock;
};

Objection zero_loss(const NodeSight& node, const Candidates& counting, const SyncRule& sync) {
    if (sync.quorum() == 0) {
        return {"commits did not wait for standbys, so nothing proves that one holds all of them",
                "make replication synchronous, or set durability to available"};
    }
    const std::size_t reached = listed_among(counting, sync);
    if (reached < sync.quorum()) {
        return {fmt::format("{} of {} synchronous standbys count, {} must", reached, sync.names.size(),
                            sync.quorum()),
                "bring another synchronous standby back"};
    }
    const NodeSight* most = furthest(counting);
    if (node.flushed < most->flushed) {
        return {fmt::format("\"{}\" has flushed more ({}) than \"{}\" ({})", most->name,
                            lsn_text(most->flushed), node.name, lsn_text(node.flushed)),
                fmt::format("let \"{}\" be promoted, or \"{}\" catch up from it", most->name, node.name)};
    }
    return {};
}

Objection too_far_behind(const NodeSight& node, const ChoiceRules& rules) {
    if (rules.last_known.value == 0) {
        return {"it is not known how far the primary was", "bring the primary back"};
    }
    const std::uint64_t lag =
        rules.last_known > node.flushed ? rules.last_known.value - node.flushed.value : 0;
    const bool is_planned = rules.kind == ChoiceRules::Kind::Switchover;
    const std::uint64_t limit = is_planned ? kSwitchoverLag : rules.maximum_lag;
    if (lag <= limit) return {};
    return {fmt::format("\"{}\" is {} bytes behind the last known position of the primary, {} {}", node.name,
                        lag, is_planned ? "a switchover begins within" : "maximum_lag is", limit),
            is_planned ? "wait until it is closer" : "bring a standby back that is closer"};
}

Objection objection_to(const NodeSight& node, const Sorted& sorted, const ChoiceRules& rules) {
    if (rules.kind == ChoiceRules::Kind::Switchover) return too_far_behind(node, rules);
    Objection loss = zero_loss(node, sorted.counting, rules.sync);
    if (loss.why.empty() || rules.durability == Durability::Strict) return loss;
    return too_far_behind(node, rules);
}

Choice refusal(std::vector<Turndown> turned_down, Objection objection) {
    Choice choice;
    choice.reason = std::move(objection.why);
    choice.unblock = std::move(objection.unblock);
    choice.turned_down = std::move(turned_down);
    return choice;
}

Objection nobody(const Sorted& sorted, const ChoiceRules& rules) {
    std::string why = sorted.turned_down.empty() ? "there is no other node" : "no node may be promoted: ";
    for (const Turndown& turndown : sorted.turned_down) {
        if (&turndown != &sorted.turned_down.front()) why += "; ";
        why += fmt::format("\"{}\": {}", turndown.node, turndown.why);
    }
    const bool has_other = !rules.wanted.empty() && !sorted.counting.empty();
    std::string unblock = has_other ? "name another target, or none" : "bring the primary or a standby back";
    if (!has_other && rules.kind == ChoiceRules::Kind::Failover)
        unblock +=
            ", or name a standby that is out of service, and lose what it lacks (pgpool-ctl promote NODE "
            "--force)";
    return {std::move(why), std::move(unblock)};
}

}  // namespace

Choice choose_target(std::span<const NodeSight> nodes, const ChoiceRules& rules) {
    Sorted sorted = sort_out(nodes, rules);
    if (sorted.promotable.empty()) {
        Objection objection = nobody(sorted, rules);
        return refusal(std::move(sorted.turned_down), std::move(objection));
    }
    const NodeSight& best = *sorted.promotable.front();
    Objection objection = objection_to(best, sorted, rules);
    const bool is_failover = rules.kind == ChoiceRules::Kind::Failover;
    if (!objection.why.empty() && !(is_failover && rules.may_lose_data)) {
        if (is_failover) objection.unblock += ", or allow data loss (pgpool-ctl promote --force)";
        return refusal(std::move(sorted.turned_down), std::move(objection));
    }
    Choice choice;
    choice.target = best.name;
    choice.may_lose = is_failover && !zero_loss(best, sorted.counting, rules.sync).why.empty();
    choice.reason =
        fmt::format("\"{}\" has flushed up to {}, {}", best.name, lsn_text(best.flushed),
                    choice.may_lose ? "commits may be missing there" : "nothing acknowledged is missing");
    if (!objection.why.empty()) choice.reason += ", by the operator's leave: " + objection.why;
    choice.turned_down = std::move(sorted.turned_down);
    return choice;
}

std::vector<Follow> plan_follow(std::span<const NodeSight> nodes, const std::string& primary,
                                const Lineage& cluster) {
    const auto may_follow = [&](const NodeSight& node) {
        return node.name != primary && node.is_reached && node.is_standby && node.is_in_service &&
               can_follow(kinship(node.lineage, node.flushed, cluster));
    };
    // Two cascades that name each other would get no WAL: only a node that wants the primary is an upstream.
    const auto is_upstream = [&](const std::string& name) {
        return std::ranges::any_of(nodes, [&](const NodeSight& node) {
            return node.name == name && may_follow(node) &&
                   (node.wanted_upstream.empty() || node.wanted_upstream == primary);
        });
    };
    std::vector<Follow> plan;
    for (const NodeSight& node : nodes) {
        if (!may_follow(node)) continue;
        const std::string& upstream = is_upstream(node.wanted_upstream) ? node.wanted_upstream : primary;
        if (node.upstream != upstream) plan.push_back({node.name, upstream});
    }
    return plan;
}

}  // namespace pgpool::decide
