// SPDX-License-Identifier: PostgreSQL
#include "watchdog/decide/lineage.h"

#include <fmt/core.h>

#include <algorithm>
#include <span>

namespace pgpool::decide {

const Ancestor* Lineage::find(std::uint32_t ancestor) const {
    const auto found = std::ranges::find(ancestors, ancestor, &Ancestor::timeline);
    return found != ancestors.end() ? &*found : nullptr;
}

bool Lineage::descends_from(const Lineage& other) const {
    const Ancestor* left = find(other.timeline);
    return left != nullptr && std::ranges::equal(std::span(ancestors.data(), left), other.ancestors);
}

Kinship kinship(const Lineage& node, Lsn flushed, const Lineage& cluster) {
    if (node.timeline == 0 || cluster.timeline == 0) return Kinship::Unknown;
    if (node.timeline == cluster.timeline) {
        return node.ancestors == cluster.ancestors ? Kinship::Same : Kinship::Foreign;
    }
    if (const Ancestor* left = cluster.find(node.timeline)) {
        return flushed <= left->end ? Kinship::Behind : Kinship::Diverged;
    }
    return node.descends_from(cluster) ? Kinship::Promoted : Kinship::Foreign;
}

bool can_follow(Kinship kinship) {
    return kinship == Kinship::Same || kinship == Kinship::Behind;
}

std::string describe(Kinship kinship, const Lineage& node, const Lineage& cluster) {
    switch (kinship) {
        case Kinship::Unknown:
            return "its timeline is not known";
        case Kinship::Same:
            return fmt::format("it is on timeline {}", node.timeline);
        case Kinship::Behind:
            return fmt::format("it is on timeline {}, from which {} came", node.timeline, cluster.timeline);
        case Kinship::Diverged:
            return fmt::format("it wrote on timeline {} past the point where {} left it: it needs pg_rewind",
                               node.timeline, cluster.timeline);
        case Kinship::Promoted:
            return fmt::format("it was promoted to timeline {} by somebody else, the cluster is on {}",
                               node.timeline, cluster.timeline);
        case Kinship::Foreign:
            return fmt::format("its timeline {} has another history than the cluster's {}", node.timeline,
                               cluster.timeline);
    }
    return "";
}

}  // namespace pgpool::decide
