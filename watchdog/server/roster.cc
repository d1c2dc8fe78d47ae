// SPDX-License-Identifier: PostgreSQL
#include "watchdog/server/roster.h"

#include <algorithm>

namespace pgpool::watchdog {

void Roster::view_changed(const group::View& view) {
    std::map<group::Process, Entry> present;
    for (const group::Process process : view.processes) present[process] = present_[process];
    present_ = std::move(present);
}

void Roster::lost() {
    present_.clear();
}

void Roster::told(group::Process from, const group::message::Told& told) {
    const auto found = present_.find(from);
    if (found == present_.end()) return;
    found->second.name = told.name;
    found->second.protocol = told.protocol;
}

void Roster::heard(group::Process from, std::uint64_t epoch, TimePoint now) {
    const auto found = present_.find(from);
    if (found == present_.end()) return;
    found->second.epoch = epoch;
    found->second.heard = now;
}

bool Roster::is_in(std::string_view name) const {
    return std::ranges::any_of(present_, [&](const auto& entry) { return entry.second.name == name; });
}

std::string Roster::name_of(group::Process process) const {
    const auto found = present_.find(process);
    return found != present_.end() ? found->second.name : std::string();
}

std::vector<std::string> Roster::names() const {
    std::vector<std::string> names;
    for (const auto& [process, entry] : present_) {
        if (!entry.name.empty()) names.push_back(entry.name);
    }
    return names;
}

std::uint16_t Roster::protocol_of(std::string_view name) const {
    for (const auto& [process, entry] : present_) {
        if (entry.name == name) return entry.protocol;
    }
    return 0;
}

std::optional<Roster::Holder> Roster::holder(TimePoint now) const {
    std::optional<Holder> found;
    for (const auto& [process, entry] : present_) {
        if (entry.epoch == 0 || now - entry.heard >= kSilence) continue;
        if (!found || found->epoch < entry.epoch) found = Holder{entry.name, process, entry.epoch};
    }
    return found;
}

}  // namespace pgpool::watchdog
