// SPDX-License-Identifier: PostgreSQL
#pragma once

// Parameters: the times of the lease, all counted by the clock of whoever waits. Every member must have the
// same: the holder's deadline and the candidate's wait are two ends of one promise.

#include <optional>
#include <string>

#include "common/base/boot_clock.h"

namespace pgpool::lease {

struct Parameters {
    // A voter ends a session that is silent for so long: idle_session_timeout of a lease session.
    BootDuration session_timeout = std::chrono::milliseconds(800);
    // From one question at a voter to the next.
    BootDuration renew = std::chrono::milliseconds(250);
    // A question that has no answer after so many renewals is given up together with its session.
    int misses = 2;
    // From the question that a voter answered to the end of the lease that rests on it; also the candidate's
    // wait.
    BootDuration lease = std::chrono::milliseconds(1600);
    // By how many millionths two clocks may differ in rate. Half of it for each against true time.
    int drift_ppm = 10'000;
    // A lock that was refused is tried again after a random time between these two.
    BootDuration backoff_min = std::chrono::milliseconds(50);
    BootDuration backoff_max = std::chrono::milliseconds(150);
    // The same for who has been told that the lease is free.
    BootDuration vacant_backoff = std::chrono::milliseconds(10);
    // A candidate without a quorum gives all locks back after so long. An offered hand-over waits as long.
    BootDuration attempt = std::chrono::seconds(1);
    // How long who has handed over keeps away.
    BootDuration yield = std::chrono::seconds(3);

    // What two clocks apart by the drift make of it at worst.
    [[nodiscard]] constexpr BootDuration shortened(BootDuration time) const {
        return time - time * drift_ppm / 1'000'000;
    }
    [[nodiscard]] constexpr BootDuration lengthened(BootDuration time) const {
        return time + time * drift_ppm / (1'000'000 - drift_ppm) + BootDuration(1);
    }
    // After this time a question counts as lost.
    [[nodiscard]] constexpr BootDuration answer_timeout() const { return renew * misses; }

    // The relation that does not hold, in words; nothing if all do.
    [[nodiscard]] std::optional<std::string> check() const;
};

}  // namespace pgpool::lease
