// SPDX-License-Identifier: PostgreSQL
#pragma once

// Runs another program and takes what it says. Threads: one.

#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"

namespace pgpool::ctl {

struct Ran {
    int code = 0;        // -1: a signal ended it, or it took too long
    std::string output;  // and what it said of errors
};

// None: there is no such program. REQUIRES: words are not empty; the first is looked for in PATH.
[[nodiscard]] std::optional<Ran> run_program(const std::vector<std::string>& words, milliseconds patience);

}  // namespace pgpool::ctl
