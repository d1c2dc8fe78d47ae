// SPDX-License-Identifier: PostgreSQL
#include "watchdog/lease/parameters.h"

namespace pgpool::lease {

std::optional<std::string> Parameters::check() const {
    struct Relation {
        bool holds;
        const char* broken;
    };
    const BootDuration zero{};
    const Relation relations[] = {
        {renew > zero, "renew must be more than 0: it is the time between two questions"},
        {misses >= 1, "misses must be at least 1: a question needs time for its answer"},
        {drift_ppm >= 0 && drift_ppm <= 100'000, "drift_ppm must be between 0 and 100000 (10 %)"},
        {renew * 2 < session_timeout,
         "2 * renew must be less than session_timeout: one lost question must not end a session"},
        {answer_timeout() <= session_timeout,
         "misses * renew must not exceed session_timeout: a question must be given up before its session is"},
        {lengthened(session_timeout) + renew < shortened(lease),
         "session_timeout + renew, and the drift, must be less than lease: else no time is left for "
         "commands"},
        {backoff_min > zero && backoff_min < backoff_max,
         "backoff_min must be more than 0 and less than backoff_max: two candidates would try in step"},
        {vacant_backoff > zero, "vacant_backoff must be more than 0"},
        {backoff_max < attempt, "backoff_max must be less than attempt: a lock must be tried more than once"},
        {session_timeout < attempt,
         "session_timeout must be less than attempt: the locks of who died become free within it"},
        {lease <= yield, "yield must not be less than lease: the successor must come first"},
    };
    for (const Relation& relation : relations) {
        if (!relation.holds) return relation.broken;
    }
    return std::nullopt;
}

}  // namespace pgpool::lease
