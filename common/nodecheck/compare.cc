// SPDX-License-Identifier: PostgreSQL
#include "common/nodecheck/compare.h"

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <set>

namespace pgpool::nodecheck {

namespace {

using Lookup = std::function<const Values&(const NodeFacts&)>;

std::set<std::string> names_in(std::span<const NodeFacts> nodes, const Lookup& values_of) {
    std::set<std::string> names;
    for (const NodeFacts& node : nodes) {
        for (const auto& [name, value] : values_of(node)) names.insert(name);
    }
    return names;
}

bool are_equal(const std::vector<NodeValue>& values) {
    return std::all_of(values.begin(), values.end(),
                       [&](const NodeValue& one) { return one.value == values.front().value; });
}

void compare_values(std::span<const NodeFacts> nodes, const std::string& database, const std::string& prefix,
                    const Lookup& values_of, std::vector<Difference>& found) {
    for (const std::string& name : names_in(nodes, values_of)) {
        Difference difference{database, prefix + name, {}};
        for (const NodeFacts& node : nodes) {
            const Values& values = values_of(node);
            const auto at = values.find(name);
            difference.values.push_back(
                {node.node, at == values.end() ? std::nullopt : std::optional(at->second)});
        }
        if (!are_equal(difference.values)) found.push_back(std::move(difference));
    }
}

bool compare_presence(std::span<const NodeFacts> nodes, const std::string& database,
                      std::vector<Difference>& found) {
    Difference difference{database, "database", {}};
    for (const NodeFacts& node : nodes) {
        const bool present = node.databases.contains(database);
        difference.values.push_back(
            {node.node, present ? std::optional<std::string>("present") : std::nullopt});
    }
    if (are_equal(difference.values)) return true;
    found.push_back(std::move(difference));
    return false;
}

void compare_database(std::span<const NodeFacts> nodes, const std::string& database,
                      std::vector<Difference>& found) {
    if (!compare_presence(nodes, database, found)) return;
    const auto facts = [&](const NodeFacts& node) -> const DatabaseFacts& {
        return node.databases.at(database);
    };
    compare_values(
        nodes, database, "", [&](const NodeFacts& node) -> const Values& { return facts(node).properties; },
        found);
    if (!std::all_of(nodes.begin(), nodes.end(),
                     [&](const NodeFacts& node) { return facts(node).extensions_known; }))
        return;
    compare_values(
        nodes, database, "extension ",
        [&](const NodeFacts& node) -> const Values& { return facts(node).extensions; }, found);
}

}  // namespace

std::vector<Difference> compare(std::span<const NodeFacts> nodes) {
    std::vector<Difference> found;
    compare_values(
        nodes, "", "", [](const NodeFacts& node) -> const Values& { return node.settings; }, found);
    std::set<std::string> databases;
    for (const NodeFacts& node : nodes) {
        for (const auto& [name, facts] : node.databases) databases.insert(name);
    }
    for (const std::string& database : databases) compare_database(nodes, database, found);
    return found;
}

std::string describe(const Difference& difference) {
    std::string text;
    if (!difference.database.empty()) text = fmt::format("database {}: ", difference.database);
    text += difference.setting + ":";
    for (const NodeValue& one : difference.values) {
        text += fmt::format("{} {} {}", &one == &difference.values.front() ? "" : ",", one.node,
                            one.value ? fmt::format("\"{}\"", *one.value) : "(none)");
    }
    return text;
}

}  // namespace pgpool::nodecheck
