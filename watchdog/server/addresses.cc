// SPDX-License-Identifier: PostgreSQL
#include "watchdog/server/addresses.h"

#include <arpa/inet.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace pgpool::watchdog {

namespace {

// As pgpool-vip writes it. Without a port.
bus::Endpoint endpoint_of(const std::string& address) {
    bus::Endpoint endpoint;
    if (::inet_pton(AF_INET, address.c_str(), endpoint.address.data()) == 1)
        endpoint.family = bus::Family::V4;
    else if (::inet_pton(AF_INET6, address.c_str(), endpoint.address.data()) == 1)
        endpoint.family = bus::Family::V6;
    return endpoint;
}

bool is_held(const bus::VipState& state) {
    return state.phase == bus::VipPhase::Held || state.phase == bus::VipPhase::Conflict;
}

bool is_at(const bus::Connection& one, const std::vector<bus::Endpoint>& addresses) {
    return std::ranges::any_of(addresses, [&](const bus::Endpoint& address) {
        return one.server.family == address.family && one.server.address == address.address;
    });
}

}  // namespace

bool Addresses::told(const std::string& member, const bus::VipState& state) {
    states_[member][state.address] = state;
    return settle();
}

Result<bool> Addresses::told(const std::string& member, bus::ClientList page) {
    Clients& known = clients_[member];
    auto whole = known.pages.add(std::move(page));
    if (!whole) return tl::unexpected(whole.error());
    if (!*whole) return false;
    if (member == self_) {
        latest_ = std::move((*whole)->connections);
        return settle();
    }
    known.counting = std::move((*whole)->connections);
    ++revision_;
    settle();
    return true;
}

// Works out anew who counts; true: these are others now.
bool Addresses::settle() {
    bool has_changed = false;
    for (auto& [member, known] : clients_) {
        Connections counting = counting_of(member, known.counting);
        if (counting == known.counting) continue;
        known.counting = std::move(counting);
        has_changed = true;
    }
    if (has_changed) ++revision_;
    return has_changed;
}

Addresses::Connections Addresses::counting_of(const std::string& member, const Connections& before) const {
    std::vector<bus::Endpoint> here, elsewhere;
    for (const auto& [holder, states] : states_) {
        for (const auto& [address, state] : states) {
            if (is_held(state)) (holder == member ? here : elsewhere).push_back(endpoint_of(address));
        }
    }
    const bool is_own = member == self_;
    Connections counting;
    if (is_own)
        std::ranges::copy_if(latest_, std::back_inserter(counting),
                             [&](const bus::Connection& one) { return is_at(one, here); });
    std::ranges::copy_if(before, std::back_inserter(counting), [&](const bus::Connection& one) {
        return is_at(one, here) ? !is_own : !is_at(one, elsewhere);
    });
    return counting;
}

void Addresses::let_go() {
    for (auto& [address, state] : states_[self_]) {
        if (is_held(state)) state.phase = bus::VipPhase::Releasing;
    }
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
        all.connections.insert(all.connections.end(), known.counting.begin(), known.counting.end());
    return bus::pages_of(all);
}

std::vector<bus::ClientList> Addresses::own_clients() const {
    bus::ClientList own{.revision = revision_};
    if (const auto found = clients_.find(self_); found != clients_.end())
        own.connections = found->second.counting;
    return bus::pages_of(own);
}

std::vector<bus::Message> Addresses::own() const {
    std::vector<bus::Message> all;
    if (const auto found = states_.find(self_); found != states_.end()) {
        for (const auto& [address, state] : found->second) all.emplace_back(state);
    }
    for (auto& page : own_clients()) {
        if (!page.connections.empty()) all.emplace_back(std::move(page));
    }
    return all;
}

}  // namespace pgpool::watchdog
