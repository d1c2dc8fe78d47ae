// SPDX-License-Identifier: PostgreSQL
#pragma once

// LoadSchedule: which database's facts are to be loaded when. Pure: the time is an argument.
//
// Loads are due at once when first requested, kSettle after DDL was seen (so that a migration leads to a few
// loads, not to one per statement), every refresh period otherwise, and after a failure with pauses that grow
// from kFirstRetry to the refresh period. Who waits for newer ones hurries them.

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"

namespace pgpool::health {

class LoadSchedule {
public:
    static constexpr milliseconds kSettle{100};
    static constexpr milliseconds kFirstRetry{250};
    static constexpr milliseconds kHurry{20};

    // True if the database was unknown.
    bool request(std::string_view database, TimePoint now) {
        return databases_.try_emplace(std::string(database), Entry{.due = now, .begun = {}, .pause = {}})
            .second;
    }

    // True if a load comes earlier by it. Unknown databases have nobody who waits for facts.
    bool ddl_seen(std::string_view database, TimePoint now) {
        const auto found = databases_.find(database);
        if (found == databases_.end() || found->second.due <= now + kSettle) return false;
        found->second.due = now + kSettle;
        return true;
    }

    // True if a load comes earlier by it; one every kHurry at most.
    bool hurry(std::string_view database, TimePoint now) {
        const auto found = databases_.find(database);
        if (found == databases_.end()) return false;
        const TimePoint due = std::max(now, found->second.begun + kHurry);
        if (found->second.due <= due) return false;
        found->second.due = due;
        return true;
    }

    // A database whose load is due; it is taken as being loaded now, so what is seen from here on makes it
    // due again.
    [[nodiscard]] std::optional<std::string> take_due(TimePoint now, Duration refresh) {
        for (auto& [database, entry] : databases_) {
            if (entry.due > now) continue;
            entry.due = now + refresh;
            entry.begun = now;
            return database;
        }
        return std::nullopt;
    }

    void succeeded(std::string_view database) {
        if (const auto found = databases_.find(database); found != databases_.end()) found->second.pause = {};
    }

    void failed(std::string_view database, TimePoint now, Duration refresh) {
        const auto found = databases_.find(database);
        if (found == databases_.end()) return;
        Entry& entry = found->second;
        entry.pause = entry.pause == Duration{} ? Duration(kFirstRetry) : std::min(2 * entry.pause, refresh);
        entry.due = std::min(entry.due, now + entry.pause);
    }

    void forget(std::string_view database) {
        if (const auto found = databases_.find(database); found != databases_.end()) databases_.erase(found);
    }

    [[nodiscard]] std::optional<TimePoint> next_due() const {
        std::optional<TimePoint> next;
        for (const auto& [database, entry] : databases_) next = next ? std::min(*next, entry.due) : entry.due;
        return next;
    }

private:
    struct Entry {
        TimePoint due;
        TimePoint begun{};  // the last load
        Duration pause;     // after the last failure
    };
    std::map<std::string, Entry, std::less<>> databases_;
};

}  // namespace pgpool::health
