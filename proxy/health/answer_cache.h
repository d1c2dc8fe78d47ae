// SPDX-License-Identifier: PostgreSQL
#pragma once

// AnswerCache: what auth_query said, for a while. Pure: the time is an argument.
//
// Bounded: when full, the entry that ends first makes room; a stream of invented user names costs no more
// than the capacity.

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "common/base/clock.h"

namespace pgpool::health {

struct UserKey {
    std::string user;
    std::string database;  // empty when the query does not ask for it
    friend auto operator<=>(const UserKey&, const UserKey&) = default;
};

class AnswerCache {
public:
    using Verifier = std::optional<std::string>;
    static constexpr seconds kNegativeTtl{1};
    static constexpr seconds kDoubtfulTtl{1};

    explicit AnswerCache(std::size_t capacity = 10'000) : capacity_(capacity) {}

    [[nodiscard]] const Verifier* find(const UserKey& key, TimePoint now) const {
        const auto found = entries_.find(key);
        return found == entries_.end() || found->second.ends <= now ? nullptr : &found->second.verifier;
    }

    void keep(const UserKey& key, Verifier verifier, TimePoint now, Duration ttl) {
        const TimePoint ends = now + (verifier ? ttl : std::min(ttl, Duration(kNegativeTtl)));
        if (!entries_.contains(key) && entries_.size() >= capacity_) make_room(now);
        entries_.insert_or_assign(key, Entry{std::move(verifier), now, ends});
    }

    // What is known of this user may be wrong, for every database: it is asked again, but not more often than
    // once in that time.
    void doubt(const std::string& user) {
        for (auto at = entries_.lower_bound({user, ""}); at != entries_.end() && at->first.user == user; ++at)
            at->second.ends = std::min(at->second.ends, at->second.asked + Duration(kDoubtfulTtl));
    }

    void clear() { entries_.clear(); }
    [[nodiscard]] std::size_t size() const { return entries_.size(); }

private:
    struct Entry {
        Verifier verifier;
        TimePoint asked;
        TimePoint ends;
    };

    void make_room(TimePoint now) {
        std::erase_if(entries_, [&](const auto& entry) { return entry.second.ends <= now; });
        if (entries_.size() < capacity_) return;
        entries_.erase(
            std::ranges::min_element(entries_, {}, [](const auto& entry) { return entry.second.ends; }));
    }

    std::size_t capacity_;
    std::map<UserKey, Entry> entries_;
};

}  // namespace pgpool::health
