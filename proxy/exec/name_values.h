// SPDX-License-Identifier: PostgreSQL
#pragma once

// NameValues: a set of (name, value) pairs that many sessions have in common: settings to replay, parameters
// reported by a server. Sets are immutable and interned per worker, so that "same settings?" is a comparison
// of pointers, and thousands of clients with the same settings hold one set.
//
// Threads: one worker only; a set made by one worker's table never meets another's.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace pgpool::exec {

class NameValues {
public:
    using Pair = std::pair<std::string, std::string>;

    explicit NameValues(std::vector<Pair> pairs);  // REQUIRES: sorted by name, no name twice

    [[nodiscard]] const std::vector<Pair>& pairs() const { return pairs_; }
    [[nodiscard]] const std::string* find(std::string_view name) const;
    [[nodiscard]] std::size_t bytes() const { return bytes_; }  // memory of all pairs, about
    [[nodiscard]] static std::size_t bytes(std::string_view name, std::string_view value) {
        return sizeof(Pair) + name.size() + value.size();
    }

private:
    std::vector<Pair> pairs_;
    std::size_t bytes_ = 0;
};

using NameValuesPtr = std::shared_ptr<const NameValues>;

class NameValuesTable {
public:
    NameValuesTable();

    [[nodiscard]] const NameValuesPtr& empty() const { return empty_; }
    [[nodiscard]] NameValuesPtr make(std::vector<NameValues::Pair> pairs);  // in any order; a later pair wins
    [[nodiscard]] NameValuesPtr with(const NameValuesPtr& set, std::string_view name, std::string_view value);
    [[nodiscard]] NameValuesPtr without(const NameValuesPtr& set, std::string_view name);
    [[nodiscard]] std::size_t size() const { return sets_.size(); }  // sets in use, and a few that were

private:
    [[nodiscard]] NameValuesPtr intern(std::vector<NameValues::Pair> sorted);
    void sweep();

    std::unordered_multimap<std::size_t, std::weak_ptr<const NameValues>> sets_;
    std::size_t sweep_at_ = 64;
    NameValuesPtr empty_;  // last: it is made in the others
};

}  // namespace pgpool::exec
