// SPDX-License-Identifier: PostgreSQL
#pragma once

// Addresses: what the members have told about the virtual addresses: in which state each is at each member,
// and which clients are connected to them. No message of the group is kept for who comes later, so every
// member tells its own again whenever one comes (own()). Decides nothing. Pure; one thread.
//
// Who takes an address tells those that were connected to it elsewhere. Who lets it go closes what is
// connected, and its proxy says at once that nobody is, before another member has the address. So of what a
// proxy tells, connections to an address count while its member holds that; from then on those of the last
// such list do, until another member holds the address, which has told them. The member whose proxy it is
// judges that, and tells the others what counts.

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

    // The state of an address at a member, and a page of who is connected to one: of this member what its
    // programs tell, of another what that one has of own_clients(). True: clients() is another list now.
    bool told(const std::string& member, const bus::VipState& state);
    Result<bool> told(const std::string& member, bus::ClientList page);

    // pgpool-vip is ordered to let go. It says so, too, but perhaps after a proxy that sees what came of it.
    void let_go();
    // What is known of the states at other members no longer counts. Their clients do: a member that is gone
    // is who they were connected to.
    void forget_others();
    // No pgpool-vip is here any more to tell in which state the addresses are.
    void manager_gone();

    [[nodiscard]] std::vector<Entry> states() const;
    // The clients of all members, for pgpool-vip.
    [[nodiscard]] std::vector<bus::ClientList> clients() const;
    // Those of this member alone, for the others.
    [[nodiscard]] std::vector<bus::ClientList> own_clients() const;
    // What this member has told, for who comes later. No list if there is nobody on it: who has come back
    // knows nothing yet of those that it had, and others may.
    [[nodiscard]] std::vector<bus::Message> own() const;

private:
    using Connections = std::vector<bus::Connection>;
    struct Clients {
        bus::Assembler<bus::ClientList> pages;
        Connections counting;
    };

    bool settle();
    [[nodiscard]] Connections counting_of(const std::string& member, const Connections& before) const;

    std::string self_;
    std::map<std::string, std::map<std::string, bus::VipState>> states_;  // by member, by address
    std::map<std::string, Clients> clients_;                              // by member
    Connections latest_;                                                  // of this member's proxy
    std::uint64_t revision_ = 0;                                          // of all lists
};

}  // namespace pgpool::watchdog
