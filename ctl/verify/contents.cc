// SPDX-License-Identifier: PostgreSQL
#include "ctl/verify/contents.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

namespace pgpool::ctl::verify {

namespace {

bool are_equal(const Suspect& suspect) {
    return std::all_of(suspect.values.begin(), suspect.values.end(),
                       [&](const auto& value) { return value == suspect.values.front(); });
}

std::optional<std::int64_t> whole_number(const std::string& text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool is_one = error == std::errc() && end == text.data() + text.size();
    return is_one ? std::optional(number) : std::nullopt;
}

// Negative, 0, positive. Texts stand behind numbers.
int compare_parts(const std::string& a, const std::string& b) {
    const auto first = whole_number(a);
    const auto second = whole_number(b);
    if (first && second) return *first < *second ? -1 : *second < *first ? 1 : a.compare(b);
    if (first || second) return first ? -1 : 1;
    return a.compare(b);
}

bool stands_before(const Suspect& a, const Suspect& b) {
    const std::size_t parts = std::min(a.key.size(), b.key.size());
    for (std::size_t i = 0; i < parts; ++i) {
        if (const int order = compare_parts(a.key[i], b.key[i]); order != 0) return order < 0;
    }
    return a.key.size() < b.key.size();
}

std::vector<std::int64_t> numbers_of(const Suspect& suspect) {
    std::vector<std::int64_t> numbers;
    for (const auto& value : suspect.values) {
        if (const auto number = value ? whole_number(*value) : std::nullopt) numbers.push_back(*number);
    }
    return numbers;
}

Suspect look_up(const Key& key, std::span<const Contents> nodes) {
    Suspect found{key, {}};
    for (const Contents& contents : nodes) {
        const auto at = contents.find(key);
        found.values.push_back(at == contents.end() ? std::nullopt : std::optional(at->second));
    }
    return found;
}

}  // namespace

std::vector<Suspect> differing(std::span<const Contents> nodes) {
    // Nearly all keys are equal: only those of others are copied.
    std::set<Key> keys;
    for (const Contents& contents : nodes) {
        for (const auto& entry : contents) {
            const bool is_equal = std::all_of(nodes.begin(), nodes.end(), [&](const Contents& other) {
                const auto at = other.find(entry.first);
                return at != other.end() && at->second == entry.second;
            });
            if (!is_equal) keys.insert(entry.first);
        }
    }
    std::vector<Suspect> found;
    for (const Key& key : keys) {
        Suspect suspect = look_up(key, nodes);
        if (!are_equal(suspect)) found.push_back(std::move(suspect));
    }
    std::sort(found.begin(), found.end(), stands_before);
    return found;
}

std::vector<Suspect> still_suspect(const std::vector<Suspect>& before, std::vector<Suspect> now) {
    std::set<Key> keys;
    for (const Suspect& suspect : before) keys.insert(suspect.key);
    std::erase_if(now, [&](const Suspect& suspect) { return !keys.contains(suspect.key); });
    return now;
}

bool moves_in_step(const Suspect& before, const Suspect& now) {
    const std::vector<std::int64_t> old = numbers_of(before);
    const std::vector<std::int64_t> fresh = numbers_of(now);
    if (old == fresh || old.size() != fresh.size() || old.size() != now.values.size()) return false;
    const auto [old_least, old_most] = std::minmax_element(old.begin(), old.end());
    const auto [least, most] = std::minmax_element(fresh.begin(), fresh.end());
    return *least >= *old_most || *most <= *old_least;
}

std::string verdict(const std::optional<std::string>& first, const std::optional<std::string>& second) {
    if (first == second) return {};
    if (!second) return "missing";
    return first ? "other contents" : "extra";
}

std::string to_string(const Key& key, std::span<const std::string> names) {
    std::string text;
    for (std::size_t i = 0; i < key.size(); ++i) {
        if (i > 0) text += ' ';
        if (i < names.size()) text += names[i] + '=';
        text += key[i];
    }
    return text;
}

}  // namespace pgpool::ctl::verify
