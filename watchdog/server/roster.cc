// SPDX-License-Identifier: PostgreSQL
#include "watchdog/server/roster.h"

#include <algorithm>
#include <utility>

namespace pgpool::watchdog {

// Who is new has said so itself.
void Roster::view_changed(const group::View& view, TimePoint now) {
    std::map<group::Process, Entry> before = std::exchange(present_, {});
    for (const group::Process process : view.processes) {
        Entry& entry = present_[process];
        entry.heard = now;
        if (auto known = before.extract(process)) entry = std::move(known.mapped());
    }
    for (const auto& [process, entry] : before) departs(entry);
}

void Roster::lost() {
    for (const auto& [process, entry] : present_) departs(entry);
    present_.clear();
}

void Roster::departs(const Entry& entry) {
    departed_heard_ = std::max(departed_heard_, entry.heard);
    departed_epoch_ = std::max(departed_epoch_, entry.claim.epoch);
}

bool Roster::is_holder_gone() const {
    return departed_epoch_ != 0 && departed_epoch_ == claimed_ &&
           std::ranges::none_of(
               present_, [this](const auto& entry) { return entry.second.claim.epoch >= departed_epoch_; });
}

void Roster::told(group::Process from, const group::message::Told& told) {
    const auto found = present_.find(from);
    if (found == present_.end()) return;
    found->second.name = told.name;
    found->second.protocol = told.protocol;
}

void Roster::refused(group::Process process) {
    const auto found = present_.find(process);
    if (found != present_.end()) departed_heard_ = std::max(departed_heard_, found->second.heard);
}

void Roster::heard(group::Process from, std::int64_t sent_ns, const Claim& claim, TimePoint now) {
    const auto found = present_.find(from);
    if (found == present_.end()) return;
    found->second.sent_ns = sent_ns;
    found->second.claim = claim;
    claimed_ = std::max(claimed_, claim.epoch);
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
        const Claim& claim = entry.claim;
        if (claim.epoch == 0 || now - entry.heard >= kSilence) continue;
        if (!found || found->epoch < claim.epoch)
            found = Holder{entry.name, process, claim.epoch, claim.until};
    }
    return found;
}

std::vector<wire::Heard> Roster::signs() const {
    std::vector<wire::Heard> signs;
    for (const auto& [process, entry] : present_) {
        if (entry.sent_ns != 0) signs.push_back({process, entry.sent_ns});
    }
    return signs;
}

}  // namespace pgpool::watchdog
