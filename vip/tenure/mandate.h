// SPDX-License-Identifier: PostgreSQL
#pragma once

// Mandate: until when addresses may be held. A lease is one; so is a sign of life of a program without which
// holding them makes no sense. With several, the earliest deadline counts.
//
// Threads: deadline() is called from the thread that holds the addresses and must not wait for anything.

#include <algorithm>
#include <atomic>
#include <vector>

#include "vip/tenure/never.h"

namespace pgpool::vip {

class Mandate {
public:
    Mandate() = default;
    Mandate(const Mandate&) = delete;
    Mandate& operator=(const Mandate&) = delete;
    virtual ~Mandate() = default;
    // On CLOCK_BOOTTIME. It may be moved at any time, also to the past.
    [[nodiscard]] virtual BootTime deadline() const noexcept = 0;
};

// A deadline that somebody sets: for a certain time, or anew with each sign of life.
class PublishedDeadline final : public Mandate {
public:
    explicit PublishedDeadline(BootTime deadline) : nanoseconds_(deadline.time_since_epoch().count()) {}
    void set(BootTime deadline) {
        nanoseconds_.store(deadline.time_since_epoch().count(), std::memory_order_release);
    }
    [[nodiscard]] BootTime deadline() const noexcept override {
        return BootTime(BootDuration(nanoseconds_.load(std::memory_order_acquire)));
    }

private:
    std::atomic<BootTime::rep> nanoseconds_;
};

using Mandates = std::vector<const Mandate*>;

// Without any mandate there is nothing to hold by: the deadline has passed.
[[nodiscard]] inline BootTime earliest_deadline(const Mandates& mandates) {
    if (mandates.empty()) return BootTime::min();
    BootTime earliest = kNever;
    for (const Mandate* mandate : mandates) earliest = std::min(earliest, mandate->deadline());
    return earliest;
}

}  // namespace pgpool::vip
