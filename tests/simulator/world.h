// SPDX-License-Identifier: PostgreSQL
#pragma once

// World: machines, and what happens to them by chance. Times of faults take turns with calm ones, in which
// everything works: then a holder must emerge within kBound and stay. A calm time ends with a hand-over,
// which must be quick, or with the end of the holder and nothing else, after which another must emerge.

#include "tests/simulator/machines.h"

namespace pgpool::simulator {

class World : public Machines {
public:
    static constexpr Time kBound = std::chrono::seconds(8);
    static constexpr Time kStay = milliseconds(1'500);
    static constexpr Time kQuick = milliseconds(400);  // a hand-over, but for some in a thousand (Tally)

    World(std::uint64_t seed, const Setting& setting);

    // Until the lease has made so many steps more, or something is wrong.
    void run(std::uint64_t steps);
    // From this step of the lease on, what happens is printed.
    void trace_from(std::uint64_t step) { trace_from_ = step; }

private:
    struct Fault {
        void (World::*happen)();
        int weight;
    };
    static const std::vector<Fault>& all_faults();
    void begin_faults();
    void one_fault();
    void cut_one_way();
    void cut();
    void divide();
    void heal();
    void weather();
    void stop_member();
    void freeze_member();
    void kill_member();
    void kill_holder();
    void power_off_member();
    void fence_holder();
    void stop_node();
    void crash_node();
    void lose_node();
    void terminate();
    void trouble_witness();
    void drift();
    void withdraw();
    void campaign_one();
    void wish_hand_over();
    void restart_later(Member& member);
    void take_down(Node& node, Node::Death death);
    [[nodiscard]] std::pair<Host, Host> any_link();
    [[nodiscard]] Time a_while();
    [[nodiscard]] int any_rate();

    void give_command();
    void begin_calm();
    void await_holder(Time since);
    void end_calm();
    void hand_over();
    void take_over();
    void await_other(Member& than, Epoch epoch, Time since);
    void await_successor(Member& to, Time since);

    [[nodiscard]] Time soon(int least, int most) {
        return world_.random.between(milliseconds(least), milliseconds(most));
    }
    [[nodiscard]] Member& any_member() { return *members_[world_.random.below(members_.size())]; }
    [[nodiscard]] Node& any_node() { return *nodes_[world_.random.below(nodes_.size())]; }

    struct Reign {
        Epoch epoch{};
        Time begin{};
    };
    Reign reign_;              // calm: who is seen to hold the lease, and since when
    std::vector<Fault> mood_;  // the faults of this period, each as often as it is likely
    int pace_ = 0;             // milliseconds between two of them
    int command_pace_ = 100;
    std::uint64_t period_ = 0;  // of faults or of calm; an entry of another period is void
    std::uint64_t trace_from_ = UINT64_MAX;
};

}  // namespace pgpool::simulator
