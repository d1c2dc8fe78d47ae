// SPDX-License-Identifier: PostgreSQL
#pragma once

// How long members go on by what the holder of the lease has decided, without a word of it. Pure.
//
// Each member sends a sign of life with the time of its own clock. The holder gives that time back, with what
// is left of its lease, to the members that have the latest record. So who gets it back knows, by its own
// clock alone, that the lease lasts for what was left counted from when it had *sent*: the holder said it
// later. kTrust bounds it further, since the holder need not wait for a member for ever: docs/adr/0023.
//
// What the holder owes for it: it decides nothing without a member before kTrust after it has heard that
// member for the last time, and that much later than the record in question was told to it:
//   * who is silent in the group is waited for kRecordPatience, and is not answered until it has the record;
//   * after one that has left the group is_trusted() holds decisions back.

#include <optional>

#include "common/base/boot_clock.h"
#include "common/base/clock.h"
#include "watchdog/lease/parameters.h"
#include "watchdog/wire/messages.h"

namespace pgpool::watchdog {

inline constexpr milliseconds kTrust{1500};
// A member that does not confirm a record for so long is not waited for any more. More than kTrust by any
// clock that is allowed.
inline constexpr milliseconds kRecordPatience{1700};

// What a sign of life of the holder promises to the member that is `self` in the group; nothing: it does not
// hold the lease, or did not answer us.
[[nodiscard]] std::optional<BootTime> promised_until(const wire::Pulse& pulse, group::Process self,
                                                     const lease::Parameters& parameters, BootTime now);

// Whether a member that was heard at `heard` for the last time may still act by what it knew.
[[nodiscard]] bool is_trusted(TimePoint heard, const lease::Parameters& parameters, TimePoint now);

}  // namespace pgpool::watchdog
