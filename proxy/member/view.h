// SPDX-License-Identifier: PostgreSQL
#pragma once

// View: what this proxy knows of the watchdog's decisions, and whether that may be acted on. Pure.
//
// The newest topology counts, by (epoch, revision); an older one that comes late is ignored. It stays in
// force when the hub is away. A lease that was ever told holds until its deadline, whatever is told after:
// nobody but its holder orders a promotion before (docs/adr/0023-proxy-and-lease.md). So good_until() never
// goes back.

#include <optional>
#include <string>

#include "common/base/boot_clock.h"
#include "common/base/error.h"
#include "common/bus/messages.h"
#include "common/bus/paging.h"
#include "common/cluster/decision.h"
#include "common/config/config.h"

namespace pgpool::member {

class View {
public:
    explicit View(config::Durability durability) : durability_(durability) {}

    void use(config::Durability durability) { durability_ = durability; }
    void up(std::string member);
    void down(std::string reason);

    enum class News : std::uint8_t { Incomplete, Same, Older, Newer };
    // An error: pages in disorder, which are dropped.
    [[nodiscard]] Result<News> add(bus::Topology page);
    void add(const bus::LeaseView& lease);
    void add_deadline(BootTime deadline);  // of the page of this member's own lease

    // What is to be done by now. It changes by itself only at good_until().
    [[nodiscard]] cluster::Decision decision(BootTime now) const;
    [[nodiscard]] bool needs_lease() const { return durability_ == config::Durability::Available; }
    [[nodiscard]] BootTime good_until() const { return good_until_; }

    [[nodiscard]] bool is_up() const { return away_.empty(); }
    [[nodiscard]] const std::string& away() const { return away_; }      // why; empty: the hub is there
    [[nodiscard]] const std::string& member() const { return member_; }  // as the hub calls it; kept
    [[nodiscard]] const bus::Topology* topology() const { return topology_ ? &*topology_ : nullptr; }
    [[nodiscard]] const bus::LeaseView& lease() const { return lease_; }
    [[nodiscard]] std::uint64_t ignored() const { return ignored_; }  // older topologies

private:
    [[nodiscard]] std::string withheld(BootTime now) const;

    config::Durability durability_;
    std::string away_ = "it was not asked yet";
    std::string member_;
    bus::Assembler<bus::Topology> pages_;
    std::optional<bus::Topology> topology_;
    bus::LeaseView lease_;
    BootTime good_until_ = BootTime::min();
    std::uint64_t ignored_ = 0;
};

}  // namespace pgpool::member
