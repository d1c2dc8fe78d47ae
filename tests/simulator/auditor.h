// SPDX-License-Identifier: PostgreSQL
#pragma once

// Auditor: knows everything, in true time, and says what must not be. The first violation ends a run.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "tests/simulator/clock.h"
#include "tests/simulator/connection.h"
#include "watchdog/lease/parameters.h"

namespace pgpool::simulator {

// How often what was to be tried has happened. A run that never got there proves nothing.
struct Tally {
    std::uint64_t steps = 0;    // of the lease
    std::uint64_t entries = 0;  // of the queue
    std::uint64_t holders = 0;
    std::uint64_t hand_overs = 0;
    std::uint64_t ends = 0;
    std::uint64_t commands = 0;  // that took effect
    std::uint64_t refused = 0;   // by the server's clock
    std::uint64_t faults = 0;
    std::uint64_t partitions = 0;  // of the faults: hosts on two sides
    std::uint64_t calms = 0;       // times without faults that found a holder
    // Of the hand-overs in them. Where a voter knows the higher epoch of a candidate that failed, the
    // successor has to wait.
    std::uint64_t slow_hand_overs = 0;
    std::uint64_t overlaps = 0;  // of two that may have the addresses
    Time slowest{};              // from the begin of one to that
};

class Auditor {
public:
    explicit Auditor(const lease::Parameters& parameters) : parameters_(parameters) {}

    [[nodiscard]] const std::optional<std::string>& violation() const { return violation_; }
    void report(std::string what) {
        if (!violation_) violation_ = std::move(what);
    }

    void became(MemberId member, Epoch epoch);
    // `epoch` may act in the eyes of somebody at this moment. Between two calls of begin_check.
    void begin_check() {
        acting_.reset();
        holding_.clear();
    }
    void may_act(MemberId member, Epoch epoch, const char* where);
    // This member may have the virtual addresses now, by its lease or, in fast mode, before that. Of two that
    // may, the network tells which does, or it is partitioned: so it must be over within the length of a
    // lease. What the simulator has no network for is the probe, so in fast mode the addresses come here as
    // early as the lease allows.
    void may_hold(MemberId member) { holding_.insert(member); }
    void end_check(Time now);
    void took_effect(const Connection& link, Epoch epoch);
    void asks(const Connection& link, const lease::Question& question, BootTime local);
    // Of a member's vote, and a witness'.
    void granted(const Connection& link, Time now);
    void renewed(const Connection& link, Time now);
    void closed(const Connection& link);

    [[nodiscard]] Epoch last_epoch() const { return last_epoch_; }
    [[nodiscard]] std::optional<MemberId> last_holder() const { return last_holder_; }

    Tally tally;

private:
    struct Grant {
        MemberId member;
        SessionId session;
        Time served;
    };
    struct Acting {
        MemberId member;
        Epoch epoch;
        const char* where;
    };

    lease::Parameters parameters_;
    std::optional<std::string> violation_;
    std::optional<Acting> acting_;
    std::set<MemberId> holding_;
    std::map<std::pair<MemberId, MemberId>, Time>
        overlaps_;  // of two that may hold the addresses, since when
    Epoch last_epoch_{};
    std::optional<MemberId> last_holder_;
    std::map<lease::VoterId, Grant> grants_;
};

}  // namespace pgpool::simulator
