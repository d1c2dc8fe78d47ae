// SPDX-License-Identifier: PostgreSQL
#pragma once

// Runs one command of the operator to its end, its timeout, or ours.

#include <cstdint>
#include <string>

#include "watchdog/hooks/hook_event.h"

namespace pgpool::hooks {

struct HookOutcome {
    enum class Kind : std::uint8_t {
        Ended,       // `code` says how
        Signalled,   // `code` is the signal
        TimedOut,    // it was killed, and whatever it had started in its process group
        Left,        // the same, as the watchdog ends
        NotStarted,  // `output` says why
    };
    Kind kind = Kind::Ended;
    int code = 0;
    std::string output;  // the first bytes of standard output and error; the rest is read and dropped
    [[nodiscard]] bool is_well() const { return kind == Kind::Ended && code == 0; }
};

// Blocks for as long as it takes. The command gets its variables beside a few of ours (PATH, HOME, LANG, TZ),
// its input, the default signals, no descriptor but the first three, and a process group of its own. What it
// leaves in the background is not waited for. When `leave` becomes readable, or its other end is closed, it
// is over at once.
[[nodiscard]] HookOutcome run_hook(const HookJob& job, int leave);

}  // namespace pgpool::hooks
