// SPDX-License-Identifier: PostgreSQL
#pragma once

// Addresses: what the members have told about the virtual addresses: in which state each is at each member,
// and which clients are connected to them. No message of the group is kept for who comes later, so every
// member tells its own again whenever one comes (own()). Decides nothing. Pure; one thread.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/bus/messages.h"
#include "common/bus/paging.h"

namespace pgpool::watchdog {

class Addresses {
public:
    struct Entry {
        bus::VipState state;
        std::string member;
    };

    explicit Addresses(std::string self) : self_(std::move(self)) {}

    void told(const std::string& member, const bus::VipState& state);
    // Who is connected to a member; true: that is a whole list now, and clients() another one.
    Result<bool> told(const std::string& member, bus::ClientList page);

    // What is known of the states at other members no longer counts. Their clients do: a member that is gone
    // is who they were connected to.
    void forget_others();
    // No pgpool-vip is here any more to tell in which state the addresses are.
    void manager_gone();

    [[nodiscard]] std::vector<Entry> states() const;
    // The clients of all members, for pgpool-vip.
    [[nodiscard]] std::vector<bus::ClientList> clients() const;
    // What this member has told, for who comes later.
    [[nodiscard]] std::vector<bus::Message> own() const;

private:
    struct Clients {
        bus::Assembler<bus::ClientList> pages;
        bus::ClientList whole;
    };

    std::string self_;
    std::map<std::string, std::map<std::string, bus::VipState>> states_;  // by member, by address
    std::map<std::string, Clients> clients_;                              // by member
    std::uint64_t revision_ = 0;                                          // of clients()
};

}  // namespace pgpool::watchdog
