// SPDX-License-Identifier: PostgreSQL
#include "proxy/keeper/settlement.h"

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "common/obs/log.h"
#include "proxy/keeper/repair.h"

namespace pgpool::keeper {

namespace {

constexpr int kRounds = 4;  // of repairs: a node that fails in one may have been the source of the next

cluster::Fence draw_fence() {
    cluster::Fence fence;
    if (::getrandom(&fence, sizeof fence, 0) !=
        static_cast<ssize_t>(sizeof fence))  // so few bytes come at once
        throw std::system_error(errno, std::generic_category(), "getrandom");
    return fence;
}

WallTime wall_now() {
    return std::chrono::system_clock::now();
}

std::vector<std::string> names_of(const std::map<std::string, NodeAccess>& nodes) {
    std::vector<std::string> names;
    names.reserve(nodes.size());
    for (const auto& [name, node] : nodes) names.push_back(name);
    return names;
}

}  // namespace

std::map<std::string, std::string> Settlement::connect() {
    std::map<std::string, std::string> failed;
    for (const config::Node& node : config_.nodes) {
        if (!membership_.is_attached(node.name) || nodes_.contains(node.name)) continue;
        auto access = NodeAccess::open(node, config_.health, stop_);
        if (access) {
            nodes_.emplace(node.name, std::move(*access));
        } else {
            failed.emplace(node.name, access.error().message);
        }
    }
    return failed;
}

// A stop makes everything fail; that is no node's fault.
Result<void> Settlement::evict(const std::string& name, const std::string& reason) {
    if (stop_.load(std::memory_order_relaxed)) return fail(sqlstate::kAdminShutdown, "stopped");
    if (auto evicted = cluster::evict(membership_, name, reason, wall_now()); !evicted)
        return tl::unexpected(evicted.error().within(reason));
    nodes_.erase(name);
    log::warning("node_evicted", {{"node", name}, {"reason", reason}});
    return {};
}

Result<void> Settlement::run(Patience patience, Origin origin) {
    compare_databases();
    if (auto checked = check_newcomer(); !checked) return checked;
    if (auto chosen = choose_epoch(origin); !chosen) return chosen;
    if (auto raised = raise_all(patience); !raised) return raised;
    return make_equal();
}

// Writes in a database that is not prepared on every node fail by themselves: here it is only said why.
void Settlement::compare_databases() const {
    std::map<std::string, std::vector<std::string>> prepared;  // the nodes, by database
    for (const auto& [name, node] : nodes_) {
        for (const std::string& database : node.databases()) prepared[database].push_back(name);
        for (const std::string& database : node.bare_databases()) prepared.try_emplace(database);
    }
    for (const auto& [database, on] : prepared) {
        if (on.size() == nodes_.size()) continue;
        const std::string where = on.empty() ? "no node" : fmt::format("{} only", fmt::join(on, ", "));
        log::write(on.empty() ? log::Level::Info : log::Level::Warning, "database_not_prepared",
                   {{"database", database}, {"reason", "it has markers on " + where}});
    }
}

Result<void> Settlement::check_newcomer() {
    const auto newcomer = nodes_.find(newcomer_);
    const auto main = nodes_.find(membership_.main);
    if (newcomer == nodes_.end() || main == nodes_.end()) return {};
    if (newcomer->second.databases() == main->second.databases()) return {};
    return evict(newcomer_, fmt::format("{} has markers in databases {}, this node in {}", main->first,
                                        fmt::join(main->second.databases(), ", "),
                                        fmt::join(newcomer->second.databases(), ", ")));
}

Result<void> Settlement::choose_epoch(Origin origin) {
    std::map<std::string, std::uint64_t> epochs;
    for (const std::string& name : names_of(nodes_)) {
        const auto highest = nodes_.at(name).highest_epoch();
        if (highest) {
            epochs.emplace(name, *highest);
        } else if (auto evicted = evict(name, highest.error().message); !evicted) {
            return evicted;
        }
    }
    std::uint64_t highest = 0;
    for (const auto& [name, epoch] : epochs) highest = std::max(highest, epoch);
    for (const auto& [name, epoch] : epochs) {
        if (origin == Origin::Known || epoch == highest) continue;
        const std::string reason = fmt::format(
            "its markers are of epoch {}, those of others of {}, and the membership file is missing", epoch,
            highest);
        if (auto evicted = evict(name, reason); !evicted) return evicted;
    }
    membership_.epoch = std::max(membership_.epoch, highest) + 1;
    membership_.fence = draw_fence();
    return {};
}

// Once main's epoch is raised nothing new commits there: where a session is ended elsewhere to raise that
// node's, whoever waited for its locks cannot commit what it does without them.
std::vector<std::string> Settlement::main_first() const {
    std::vector<std::string> names = names_of(nodes_);
    std::stable_partition(names.begin(), names.end(),
                          [this](const std::string& name) { return name == membership_.main; });
    return names;
}

Result<void> Settlement::raise_all(Patience patience) {
    for (const std::string& name : main_first()) {
        const auto raised = nodes_.at(name).raise(membership_.epoch, membership_.fence, patience);
        if (raised) continue;
        const std::string reason = fmt::format("its epoch could not be raised: {}", raised.error().message);
        if (auto evicted = evict(name, reason); !evicted) return evicted;
    }
    return {};
}

Result<bool> Settlement::catch_up(Patience patience) {
    bool was_behind = false;
    for (const auto& [name, reason] : connect())
        return fail(sqlstate::kCannotConnect, fmt::format("{}: {}", name, reason));
    for (const std::string& name : main_first()) {
        NodeAccess& node = nodes_.at(name);
        const auto lowest = node.lowest_epoch();
        if (!lowest) return tl::unexpected(lowest.error().error().within(name));
        if (*lowest >= membership_.epoch) continue;
        was_behind = true;
        log::warning("markers_behind", {{"node", name}, {"epoch", *lowest}});
        const auto raised = node.raise(membership_.epoch, membership_.fence, patience);
        if (!raised) return tl::unexpected(raised.error().error().within(name));
    }
    return was_behind;
}

Result<markers::AllSequences> Settlement::read_all() {
    markers::AllSequences all;
    for (const std::string& name : names_of(nodes_)) {
        auto sequences = nodes_.at(name).sequences();
        if (sequences) {
            all.emplace(name, std::move(*sequences));
        } else if (auto evicted = evict(name, sequences.error().message); !evicted) {
            return tl::unexpected(evicted.error());
        }
    }
    next_sequence_ = static_cast<std::uint64_t>(markers::highest_sequence(all)) + 1;
    return all;
}

// Looks after each round whether it has helped.
Result<void> Settlement::make_equal() {
    for (int round = 0; round < kRounds; ++round) {
        const auto sequences = read_all();
        if (!sequences) return tl::unexpected(sequences.error());
        const auto repairs = markers::plan_repairs(*sequences, membership_.main);
        if (repairs.empty()) return {};
        if (auto refused = refuse_newcomer(repairs); !refused) return refused;
        if (auto repaired = repair(repairs); !repaired) return repaired;
    }
    return fail(sqlstate::kInternalError, "the nodes still differ after repairs");
}

// It is not known what it holds: neither may it be repaired, nor be the source of a repair.
Result<void> Settlement::refuse_newcomer(const std::vector<markers::Repair>& repairs) {
    if (!nodes_.contains(newcomer_)) return {};
    const auto concerns = [this](const markers::Repair& repair) {
        return repair.from == newcomer_ || repair.to == newcomer_;
    };
    const auto found = std::ranges::find_if(repairs, concerns);
    if (found == repairs.end()) return {};
    return evict(newcomer_,
                 fmt::format("its markers differ: slot {} of database {}", found->slot, found->database));
}

Result<void> Settlement::repair(const std::vector<markers::Repair>& repairs) {
    for (const markers::Repair& one : repairs) {
        const auto from = nodes_.find(one.from);
        const auto to = nodes_.find(one.to);
        if (from == nodes_.end() || to == nodes_.end()) continue;
        const auto redo = read_redo(from->second, one);
        if (!redo) {
            if (auto evicted = evict(one.from, redo.error().message); !evicted) return evicted;
            continue;
        }
        const auto done = run_redo(to->second, one, *redo, membership_.epoch);
        if (done) continue;
        const std::string reason =
            fmt::format("transaction {} of slot {} in database {} is on {}, but could not be repeated: {}",
                        one.sequence, one.slot, one.database, one.from, done.error().message);
        if (auto evicted = evict(one.to, reason); !evicted) return evicted;
    }
    return {};
}

}  // namespace pgpool::keeper
