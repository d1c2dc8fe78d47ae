// SPDX-License-Identifier: PostgreSQL
#include "common/markers/repair_plan.h"

#include <algorithm>
#include <utility>

namespace pgpool::markers {

namespace {

using Place = std::pair<std::string, std::int32_t>;  // database, slot

struct Best {
    std::int64_t sequence = 0;
    std::string node;
};

std::map<Place, Best> best_of(const AllSequences& nodes, std::string_view main) {
    std::map<Place, Best> best;
    for (const auto& [node, databases] : nodes) {
        for (const auto& [database, slots] : databases) {
            for (const auto& [slot, sequence] : slots) {
                Best& known = best[{database, slot}];
                const bool is_better = known.node.empty() || sequence > known.sequence ||
                                       (sequence == known.sequence && node == main);
                if (is_better) known = {sequence, node};
            }
        }
    }
    return best;
}

// A slot that is not there holds nothing.
std::int64_t sequence_of(const Sequences& slots, std::int32_t slot) {
    const auto found = slots.find(slot);
    return found != slots.end() ? found->second : 0;
}

}  // namespace

std::vector<Repair> plan_repairs(const AllSequences& nodes, std::string_view main) {
    std::vector<Repair> repairs;
    for (const auto& [place, best] : best_of(nodes, main)) {
        const auto& [database, slot] = place;
        for (const auto& [node, databases] : nodes) {
            const auto slots = databases.find(database);
            if (slots == databases.end() || sequence_of(slots->second, slot) >= best.sequence) continue;
            repairs.push_back({database, slot, best.sequence, best.node, node});
        }
    }
    std::stable_partition(repairs.begin(), repairs.end(),
                          [main](const Repair& repair) { return repair.to == main; });
    return repairs;
}

std::int64_t highest_sequence(const AllSequences& nodes) {
    std::int64_t highest = 0;
    for (const auto& [node, databases] : nodes) {
        for (const auto& [database, slots] : databases) {
            for (const auto& [slot, sequence] : slots) highest = std::max(highest, sequence);
        }
    }
    return highest;
}

}  // namespace pgpool::markers
