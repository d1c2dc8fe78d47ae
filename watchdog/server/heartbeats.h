// SPDX-License-Identifier: PostgreSQL
#pragma once

// Heartbeats: which programs of this member stand still, by when they were heard last (bus::Alive). Pure.
//
// A program that never sent a heartbeat counts as well: it may be of a version that does not. Time in which
// this program itself stood still does not count, since what came meanwhile was not read: turn() is called
// before each look and tells how long that was.
// Threads: one.

#include <map>

#include "common/base/clock.h"
#include "common/bus/messages.h"
#include "common/ipc/hub.h"

namespace pgpool::watchdog {

class Heartbeats {
public:
    static constexpr milliseconds kPatience = 4 * bus::kAliveEvery;
    // A longer time between two turns is a standstill of our own.
    static constexpr milliseconds kOwnStandstill{500};

    void heard(ipc::ClientId client, TimePoint now) { last_[client] = now; }
    void gone(ipc::ClientId client) { last_.erase(client); }
    void turn(TimePoint now);
    [[nodiscard]] bool stands_still(ipc::ClientId client, TimePoint now) const;

private:
    std::map<ipc::ClientId, TimePoint> last_;
    TimePoint turned_ = TimePoint::max();
};

}  // namespace pgpool::watchdog
