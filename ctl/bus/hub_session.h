// SPDX-License-Identifier: PostgreSQL
#pragma once

// HubSession: this command's place on the bus: a question to the watchdog of this member and its answer, one
// at a time, with a bound of time for each.
//
// It is no longer of use once the hub was lost: the answer may have been lost with it, and to ask again is
// for the operator. Threads: one.

#include <memory>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/bus/verbs.h"
#include "common/config/config.h"
#include "ctl/outcome.h"
#include "ctl/output.h"

namespace pgpool::ctl {

class HubSession {
public:
    // Unreachable: the hub is away, or does not let us in.
    [[nodiscard]] static Outcome<std::unique_ptr<HubSession>> connect(const config::Config& config);

    HubSession(const HubSession&) = delete;
    HubSession& operator=(const HubSession&) = delete;
    ~HubSession();

    [[nodiscard]] const std::string& member() const { return member_; }

    // What was refused is Differs, with the watchdog's reason; no answer in time is Unreachable.
    [[nodiscard]] Outcome<Json> ask(const bus::Request& request, milliseconds patience);

    // From now on the watchdog tells what happens: next_event().
    [[nodiscard]] Outcome<void> follow_log();
    // None: nothing has happened for so long.
    [[nodiscard]] Outcome<std::optional<bus::Event>> next_event(milliseconds patience);

private:
    class Inbox;
    HubSession();
    [[nodiscard]] Outcome<bus::Command> send(const bus::Request& request);

    std::unique_ptr<Inbox> inbox_;
    std::string member_;
    std::uint64_t asked_ = 0;
};

// One question by a session of its own.
[[nodiscard]] Outcome<Json> ask_once(const config::Config& config, const bus::Request& request,
                                     milliseconds patience);

// Asks by one session for as long as it lasts, and by a new one after that: for questions that may be asked
// again.
class HubWatch {
public:
    explicit HubWatch(const config::Config& config) : config_(config) {}
    [[nodiscard]] Outcome<Json> ask(const bus::Request& request, milliseconds patience);

private:
    const config::Config& config_;
    std::unique_ptr<HubSession> session_;
};

}  // namespace pgpool::ctl
