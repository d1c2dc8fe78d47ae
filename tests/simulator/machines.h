// SPDX-License-Identifier: PostgreSQL
#pragma once

// Machines: members, nodes, perhaps a witness, with a network between them, and an auditor who looks after
// every entry of the queue. Nothing happens to them of itself.

#include <memory>
#include <vector>

#include "tests/simulator/member.h"
#include "tests/simulator/node.h"

namespace pgpool::simulator {

struct Setting {
    std::size_t members = 2;
    std::size_t nodes = 2;
    lease::Votes::Witness witness = lease::Votes::Witness::None;
    lease::Parameters parameters = {};
};

class Machines {
public:
    Machines(std::uint64_t seed, const Setting& setting);

    [[nodiscard]] Member& member(std::size_t index) { return *members_[index]; }
    [[nodiscard]] Node& node(std::size_t index) { return *nodes_[index]; }
    [[nodiscard]] Network& network() { return world_.network; }
    [[nodiscard]] Auditor& auditor() { return world_.auditor; }
    [[nodiscard]] const Auditor& auditor() const { return world_.auditor; }
    [[nodiscard]] Time now() const { return world_.queue.now(); }
    // Whose watchdog is there and holds the lease; null = nobody's.
    [[nodiscard]] Member* holder();

    void campaign();
    void mend_everything();
    void run_one();
    void run_for(Time time);

protected:
    Surroundings world_;
    std::vector<std::unique_ptr<Member>> members_;
    std::vector<std::unique_ptr<Node>> nodes_;
    std::unique_ptr<Witness> witness_;
    std::vector<VoterEnd*> ends_;  // of all voters, by number

private:
    std::vector<Member*> member_list_;
};

}  // namespace pgpool::simulator
