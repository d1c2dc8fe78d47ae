// SPDX-License-Identifier: PostgreSQL
// The commands of the operator.
#include <utility>

#include "watchdog/server/server.h"

namespace pgpool::watchdog {

// Of a record that every member has on disk. Each event once: by the member that has decided it, also if
// another one goes on from there. If it dies between the record and the command, nobody runs it.
void Server::run_hooks(group::Stamp stamp) {
    if (stamp < decider_.stamp()) return;  // the latest is still to come
    const decide::ClusterState before = std::exchange(hooked_, decider_.state());
    if (holds_lease() && stamp.epoch == view_.epoch.value)
        run_hooks(hooks::events_between(before, hooked_, stamp.epoch));
}

void Server::run_hooks(const std::vector<hooks::HookEvent>& events) {
    const hooks::HookPlace place{electorate_.self, SteadyClock::now(), std::chrono::system_clock::now()};
    for (const hooks::HookEvent& event : events) {
        for (hooks::HookJob& job : hooks::jobs_of(event, *config_, place)) hooks_->run(std::move(job));
    }
}

}  // namespace pgpool::watchdog
