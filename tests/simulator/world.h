// SPDX-License-Identifier: PostgreSQL
#pragma once

// World: machines, and what happens to them by chance. Times of faults take turns with calm ones, in which
// everything works: then a holder must emerge within kBound and stay, and a hand-over must be quick.

#include "tests/simulator/machines.h"

namespace pgpool::simulator {

class World : public Machines {
public:
    static constexpr Time kBound = std::chrono::seconds(8);
    static constexpr Time kStay = std::chrono::seconds(3);
    static constexpr Time kHandOver = milliseconds(400);

    World(std::uint64_t seed, const Size& size);

    // Until the lease has made so many steps more, or something is wrong.
    void run(std::uint64_t steps);
    // From this step of the lease on, what happens is printed.
    void trace_from(std::uint64_t step) { trace_from_ = step; }

private:
    void begin_faults();
    void one_fault();
    void fault_in_network();
    void fault_of_member(Member& member);
    void fault_of_node(Node& node);
    void fault_of_witness();
    void fence_holder();
    void wishes();
    void give_command();
    void begin_calm();
    void await_holder(Time since);
    void hand_over();

    [[nodiscard]] Time soon(int least, int most) {
        return world_.random.between(milliseconds(least), milliseconds(most));
    }
    [[nodiscard]] Member& any_member() { return *members_[world_.random.below(members_.size())]; }
    [[nodiscard]] Node& any_node() { return *nodes_[world_.random.below(nodes_.size())]; }
    [[nodiscard]] int any_rate();

    struct Reign {
        Epoch epoch{};
        Time begin{};
    };
    Reign reign_;  // calm: who is seen to hold the lease, and since when
    bool is_calm_ = false;
    std::uint64_t period_ = 0;  // of faults or of calm; an entry of another period is void
    std::uint64_t trace_from_ = UINT64_MAX;
};

}  // namespace pgpool::simulator
