// SPDX-License-Identifier: PostgreSQL
#include "watchdog/server/addresses.h"

#include <utility>

namespace pgpool::watchdog {

void Addresses::told(const std::string& member, const bus::VipState& state) {
    states_[member][state.address] = state;
}

Result<bool> Addresses::told(const std::string& member, bus::ClientList page) {
    Clients& known = clients_[member];
    auto whole = known.pages.add(std::move(page));
    if (!whole) return tl::unexpected(whole.error());
    if (!*whole) return false;
    known.whole = std::move(**whole);
    ++revision_;
    return true;
}

void Addresses::forget_others() {
    std::erase_if(states_, [this](const auto& entry) { return entry.first != self_; });
}

void Addresses::manager_gone() {
    const auto found = states_.find(self_);
    if (found == states_.end()) return;
    for (auto& [address, state] : found->second)
        state = {.address = address, .device = state.device, .reason = "pgpool-vip is not there"};
}

std::vector<Addresses::Entry> Addresses::states() const {
    std::vector<Entry> all;
    for (const auto& [member, states] : states_) {
        for (const auto& [address, state] : states) all.push_back({state, member});
    }
    return all;
}

std::vector<bus::ClientList> Addresses::clients() const {
    bus::ClientList all{.revision = revision_};
    for (const auto& [member, known] : clients_)
        all.connections.insert(all.connections.end(), known.whole.connections.begin(),
                               known.whole.connections.end());
    return bus::pages_of(all);
}

std::vector<bus::Message> Addresses::own() const {
    std::vector<bus::Message> all;
    if (const auto found = states_.find(self_); found != states_.end()) {
        for (const auto& [address, state] : found->second) all.emplace_back(state);
    }
    if (const auto found = clients_.find(self_); found != clients_.end()) {
        for (auto& page : bus::pages_of(found->second.whole)) all.emplace_back(std::move(page));
    }
    return all;
}

}  // namespace pgpool::watchdog
