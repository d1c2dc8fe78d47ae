// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/name_values.h"

#include <algorithm>
#include <functional>

namespace pgpool::exec {

namespace {

using Pairs = std::vector<NameValues::Pair>;

template <typename Vector>
auto position(Vector& pairs, std::string_view name) {
    return std::lower_bound(pairs.begin(), pairs.end(), name,
                            [](const NameValues::Pair& pair, std::string_view key) {
                                return std::string_view(pair.first) < key;
                            });
}

std::size_t hash_of(const Pairs& pairs) {
    std::size_t hash = pairs.size();
    for (const auto& [name, value] : pairs) {
        hash = hash * 1099511628211U + std::hash<std::string>{}(name);
        hash = hash * 1099511628211U + std::hash<std::string>{}(value);
    }
    return hash;
}

}  // namespace

NameValues::NameValues(Pairs pairs) : pairs_(std::move(pairs)) {
    for (const auto& [name, value] : pairs_) bytes_ += bytes(name, value);
}

const std::string* NameValues::find(std::string_view name) const {
    const auto at = position(pairs_, name);
    return at != pairs_.end() && at->first == name ? &at->second : nullptr;
}

NameValuesTable::NameValuesTable() : empty_(intern({})) {}

NameValuesPtr NameValuesTable::make(Pairs pairs) {
    Pairs sorted;
    for (auto& pair : pairs) {
        const auto at = position(sorted, pair.first);
        if (at != sorted.end() && at->first == pair.first) {
            at->second = std::move(pair.second);
        } else {
            sorted.insert(at, std::move(pair));
        }
    }
    return intern(std::move(sorted));
}

NameValuesPtr NameValuesTable::with(const NameValuesPtr& set, std::string_view name, std::string_view value) {
    const std::string* present = set->find(name);
    if (present != nullptr && *present == value) return set;
    Pairs pairs = set->pairs();
    const auto at = position(pairs, name);
    if (present != nullptr) {
        at->second = value;
    } else {
        pairs.insert(at, {std::string(name), std::string(value)});
    }
    return intern(std::move(pairs));
}

NameValuesPtr NameValuesTable::without(const NameValuesPtr& set, std::string_view name) {
    if (set->find(name) == nullptr) return set;
    Pairs pairs = set->pairs();
    pairs.erase(position(pairs, name));
    return intern(std::move(pairs));
}

NameValuesPtr NameValuesTable::intern(Pairs sorted) {
    const std::size_t hash = hash_of(sorted);
    const auto [begin, end] = sets_.equal_range(hash);
    for (auto at = begin; at != end; ++at) {
        NameValuesPtr known = at->second.lock();
        if (known && known->pairs() == sorted) return known;
    }
    if (sets_.size() >= sweep_at_) sweep();
    auto set = std::make_shared<const NameValues>(std::move(sorted));
    sets_.emplace(hash, set);
    return set;
}

void NameValuesTable::sweep() {
    std::erase_if(sets_, [](const auto& entry) { return entry.second.expired(); });
    sweep_at_ = std::max<std::size_t>(64, sets_.size() * 2);
}

}  // namespace pgpool::exec
