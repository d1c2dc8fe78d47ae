// SPDX-License-Identifier: PostgreSQL
#include "watchdog/server/trust.h"

#include <algorithm>

namespace pgpool::watchdog {

static_assert(kRecordPatience > lease::Parameters{}.lengthened(kTrust));

std::optional<BootTime> promised_until(const wire::Pulse& pulse, group::Process self,
                                       const lease::Parameters& parameters, BootTime now) {
    const auto answer = std::ranges::find(pulse.heard, self, &wire::Heard::member);
    if (pulse.epoch == 0 || pulse.remaining_ns <= 0 || answer == pulse.heard.end()) return std::nullopt;
    const BootTime sent{BootDuration(answer->sent_ns)};
    if (sent > now) return std::nullopt;  // of another boot
    return sent + parameters.shortened(std::min(BootDuration(pulse.remaining_ns), BootDuration(kTrust)));
}

bool is_trusted(TimePoint heard, const lease::Parameters& parameters, TimePoint now) {
    return heard != TimePoint{} && now - heard < parameters.lengthened(kTrust);
}

}  // namespace pgpool::watchdog
