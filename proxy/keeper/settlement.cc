// SPDX-License-Identifier: PostgreSQL
#include "proxy/keeper/settlement.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "common/nodecheck/two_phase.h"
#include "common/obs/log.h"
#include "proxy/keeper/repair.h"

namespace pgpool::keeper {

namespace {

constexpr SqlState kNotInThatState{"55000"};
constexpr int kRounds = 4;  // of repairs: a node that fails in one may have been the source of the next

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
    if (auto ours = look_for_rival(); !ours) return ours;
    if (auto chosen = choose_epoch(origin); !chosen) return chosen;
    if (auto raised = raise_all(patience); !raised) return raised;
    if (auto made = make_equal(); !made) return made;
    cluster::note_equal(membership_);
    note_prepares();
    return {};
}

std::vector<std::string> Settlement::why_not_prepared() const {
    std::vector<std::string> reasons;
    for (const auto& [name, node] : nodes_) {
        const std::string reason =
            nodecheck::why_not_prepared(name, node.max_prepared_transactions(), config_.replication);
        if (!reason.empty()) reasons.push_back(reason);
    }
    return reasons;
}

Result<void> Settlement::check_prepares() const {
    const std::vector<std::string> reasons = why_not_prepared();
    if (reasons.empty() || !nodecheck::must_prepare(config_.replication)) return {};
    return fail(kNotInThatState, reasons.front());
}

void Settlement::note_prepares() {
    const std::vector<std::string> reasons = why_not_prepared();
    membership_.can_prepare = reasons.empty();
    if (nodes_.size() > 1) unprepared_ = fmt::format("{}", fmt::join(reasons, "; "));
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

// What nobody of this process has raised somebody else has, since the epoch in force began.
Result<void> Settlement::look_for_rival() {
    if (fences_.tokens().empty()) return {};  // this one takes over now
    for (const std::string& name : names_of(nodes_)) {
        const auto epoch = nodes_.at(name).epoch_of_others(membership_.epoch, fences_.tokens());
        if (!epoch) {
            if (auto evicted = evict(name, epoch.error().message); !evicted) return evicted;
        } else if (*epoch > 0 && name == newcomer_) {
            if (auto evicted = evict(name, "another proxy has written its markers"); !evicted) return evicted;
        } else if (*epoch > 0) {
            has_rival_ = true;
            return fail(
                kNotInThatState,
                fmt::format(
                    "another proxy has taken over (epoch {} on node \"{}\", {} was in force): stop one "
                    "of them; this one goes on, and takes over, when it is started again",
                    *epoch, name, membership_.epoch));
        }
    }
    return {};
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
    membership_.fence = fences_.draw();
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
        if (auto raised = raise(name, patience); !raised) return raised;
    }
    return {};
}

// On success the epoch is raised there, or the node is out.
Result<void> Settlement::raise(const std::string& name, Patience patience) {
    const TimePoint give_up = SteadyClock::now() + patience.limit;
    for (milliseconds grace = patience.grace;; grace *= 2) {
        const auto node = nodes_.find(name);
        if (node == nodes_.end()) return {};
        const auto blocked = node->second.raise(membership_.epoch, membership_.fence, grace);
        if (!blocked) return evict_unraised(name, blocked.error().message);
        if (blocked->empty()) return {};
        if (SteadyClock::now() >= give_up)
            return evict_unraised(name, "transactions in database " + *blocked + " do not end");
        if (auto cleared = clear_the_way(name, *blocked); !cleared) return cleared;
    }
}

Result<void> Settlement::evict_unraised(const std::string& name, const std::string& reason) {
    return evict(name, "its epoch could not be raised: " + reason);
}

// Of transactions that have marked and were given their time.
Result<void> Settlement::clear_the_way(const std::string& name, const std::string& database) {
    if (auto ended = end_prepared(name); !ended) return ended;
    const auto node = nodes_.find(name);
    if (node == nodes_.end()) return {};
    const auto ended = node->second.end_markers(database);
    return ended ? Result<void>() : evict_unraised(name, ended.error().message);
}

// REQUIRES: main's epoch was raised, or this is main: what it has prepared is of a time when another was,
// which is not in any more.
Result<void> Settlement::end_prepared(const std::string& name) {
    auto known = read_all();
    if (!known) return tl::unexpected(known.error());
    known->erase(newcomer_);
    const auto node = nodes_.find(name);
    if (node == nodes_.end()) return {};
    const auto prepared = node->second.prepared();
    if (!prepared) return evict_unraised(name, prepared.error().message);
    for (const markers::Prepared& one : *prepared) {
        const markers::Fate fate = markers::fate_of(one, *known);
        if (fate == markers::Fate::Unknown)
            return evict(name,
                         fmt::format("transaction {} of slot {} in database {} is prepared there since an "
                                     "earlier time, whether it was committed is not known any more",
                                     one.sequence, one.slot, one.database));
        if (fate == markers::Fate::Commit) {
            for (const auto& [giver, sequences] : *known) cluster::note_given(membership_, giver);
        }
        if (const auto ended = node->second.end(one, fate); !ended)
            return evict_unraised(name, ended.error().message);
    }
    return {};
}

Result<bool> Settlement::is_as_left() {
    for (auto& [name, node] : nodes_) {
        const auto highest = node.highest_epoch();
        if (!highest) return tl::unexpected(highest.error().error().within(name));
        if (*highest != membership_.epoch) return false;
    }
    return true;
}

Result<bool> Settlement::catch_up(Patience patience) {
    bool was_behind = false;
    for (const auto& [name, reason] : connect())
        return fail(sqlstate::kCannotConnect, fmt::format("{}: {}", name, reason));
    if (auto ours = look_for_rival(); !ours) return tl::unexpected(ours.error());
    for (const std::string& name : main_first()) {
        NodeAccess& node = nodes_.at(name);
        const auto lowest = node.lowest_epoch();
        if (!lowest) return tl::unexpected(lowest.error().error().within(name));
        if (*lowest >= membership_.epoch) continue;
        was_behind = true;
        log::warning("markers_behind", {{"node", name}, {"epoch", *lowest}});
        const auto blocked = node.raise(membership_.epoch, membership_.fence, patience.limit);
        if (!blocked) return tl::unexpected(blocked.error().error().within(name));
        if (!blocked->empty()) return fail(sqlstate::kQueryCanceled, name + ": transactions do not end");
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

bool Settlement::may_be_built_on(const markers::Repair& repair) const {
    const bool is_distrusted = distrusted_.contains(repair.to) ||
                               (repair.from == membership_.main && distrusted_.contains(repair.from));
    return is_distrusted || may_be_built_on_(static_cast<std::uint32_t>(repair.slot));
}

Result<void> Settlement::repair(const std::vector<markers::Repair>& repairs) {
    for (const markers::Repair& one : repairs) {
        const auto from = nodes_.find(one.from);
        const auto to = nodes_.find(one.to);
        if (from == nodes_.end() || to == nodes_.end()) continue;
        if (!from->second.has(one.database) || !to->second.has(one.database)) continue;
        if (may_be_built_on(one)) {
            const std::string reason = fmt::format(
                "it lacks transaction {} of slot {} in database {}, and others that came after it may have "
                "committed there already",
                one.sequence, one.slot, one.database);
            if (auto evicted = evict(one.to, reason); !evicted) return evicted;
            continue;
        }
        const auto redo = read_redo(from->second, one);
        if (!redo) {
            if (from->second.has_dropped(one.database)) continue;
            if (auto evicted = evict(one.from, redo.error().message); !evicted) return evicted;
            continue;
        }
        cluster::note_given(membership_, one.from);
        const auto done = run_redo(to->second, one, *redo, membership_.epoch);
        if (done || to->second.has_dropped(one.database)) continue;
        const std::string reason =
            fmt::format("transaction {} of slot {} in database {} is on {}, but could not be repeated: {}",
                        one.sequence, one.slot, one.database, one.from, done.error().message);
        if (auto evicted = evict(one.to, reason); !evicted) return evicted;
    }
    return {};
}

}  // namespace pgpool::keeper
