// SPDX-License-Identifier: PostgreSQL
#pragma once

// Looks again at what differs until it does not, or has been looked at often enough.

#include <cstdint>
#include <functional>
#include <vector>

#include "common/base/clock.h"
#include "ctl/verify/contents.h"
#include "ctl/verify/fleet.h"

namespace pgpool::ctl::verify {

// What every node holds; of the suspects only, unless that is an empty list.
using Lister = std::function<Answer<std::vector<Contents>>(const std::vector<Suspect>& suspects)>;

// Whether what differs now is nothing to worry about, given what it was in the look before.
using Excuse = bool (*)(const Suspect& before, const Suspect& now);

struct Patience {
    std::uint32_t tries = 10;
    Excuse excuse = nullptr;
    // A try looks at so few or less several times: a row that is written all the time differs in most looks,
    // but hardly in all of many.
    std::size_t few = 0;
    milliseconds pause{200};
};

// What differs in the first look and in each of those of `tries` more, without excuse.
[[nodiscard]] Answer<std::vector<Suspect>> settle(const Lister& list, const Patience& patience);

// Each row as a key (its first `key_columns`) and a value (the column behind them).
[[nodiscard]] std::vector<Contents> contents_of(const std::vector<pg::Rows>& answers,
                                                std::size_t key_columns);

}  // namespace pgpool::ctl::verify
