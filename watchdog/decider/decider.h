// SPDX-License-Identifier: PostgreSQL
#pragma once

// Decider: drives the decisions (watchdog/decide) of a member: what is known goes in, what is to be recorded
// by the group, ordered at nodes and told to others comes out. A machine without IO: time is an argument.
//
// Invariants:
//   1. Nothing is decided without the lease, with time left for an order, and unless this member is in sync
//      with its group.
//   2. A decision is proposed to the group first; its orders are given when the record is durable on all
//      members that count. Until then nothing else is decided. If the lease, or the group, is lost in
//      between, the orders are never given: who decides next finds the phase, and goes on from there.
//   3. Without the lease it only follows: state() is what the group has agreed on.
// Threads: one.

#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/bus/verbs.h"
#include "watchdog/decide/failover.h"
#include "watchdog/decider/plan.h"
#include "watchdog/decider/promise.h"
#include "watchdog/group/stamp.h"

namespace pgpool::decider {

struct Setup {
    std::string self;  // this member
    Site site;
    decide::Rules rules;
};

struct Now {
    TimePoint time;
    WallTime wall;
};

namespace action {
struct Propose {
    group::Record record;
};
struct Send {  // as a command in the lease session of the node; ended() must follow
    Order order;
};
struct Hurry {};  // the probes of this member
struct Checkpoint {
    std::size_t node = 0;  // told() must follow
};
struct Park {};  // told() must follow
struct Unpark {};
struct Say {  // for people
    bool is_trouble = false;
    std::string text;
};
struct Reply {
    std::uint64_t question = 0;
    Result<std::string> outcome;  // why it was done, in words
};
}  // namespace action
using Action = std::variant<action::Propose, action::Send, action::Hurry, action::Checkpoint, action::Park,
                            action::Unpark, action::Say, action::Reply>;

class Decider {
public:
    // An Error: the text of the record is none of ours.
    [[nodiscard]] static Result<decide::ClusterState> state_of(const group::Record& record, const Site& site,
                                                               WallTime now);

    Decider(Setup setup, group::Record record, decide::ClusterState state);

    // What happens. go_on() then says what is to be done.
    void lease(bool is_held, std::uint64_t epoch);  // held: with time left for an order
    void synced(bool is_synced);                    // with the group
    void members(std::vector<std::string> names);   // that are in
    // The latest that the group knows; an Error leaves this member without a say.
    [[nodiscard]] Result<void> learned(const group::Record& record, WallTime now);
    void durable(group::Stamp stamp);
    void refused() { pending_.reset(); }     // what was proposed was not taken: it is decided anew
    void probed(const nodes::Probe& probe);  // by this member
    void reported(const decide::Report& report, TimePoint now);  // by another one
    void ended(OrderId id, const voters::CommandOutcome& outcome);
    void told(bool is_well, std::string problem);
    // What an operator asks for that changes something; action::Reply answers it.
    void ask(std::uint64_t question, bus::Request request);
    void set_rules(decide::Rules rules) { rules_ = std::move(rules); }

    [[nodiscard]] std::vector<Action> go_on(Now now);

    [[nodiscard]] bool decides() const { return has_lease_ && is_synced_; }
    [[nodiscard]] const decide::ClusterState& state() const { return state_; }
    [[nodiscard]] group::Stamp stamp() const { return stamp_; }
    [[nodiscard]] const Probes& probes() const { return probes_; }
    [[nodiscard]] const decide::World& world() const { return world_; }
    [[nodiscard]] const decide::Rules& rules() const { return rules_; }
    // What the phase waits for, in words, as far as this member sees it.
    [[nodiscard]] std::string waiting_for(Now now);

private:
    struct Pending {
        group::Stamp stamp;
        decide::ActionSet actions;
        bool is_durable = false;
    };
    struct Question {
        std::uint64_t id = 0;
        bus::Request request;
    };

    void refresh_world(Now now);
    void decide_next(Now now);
    [[nodiscard]] bool fire(decide::Event event, Now now, const decide::Wish* wish = nullptr);
    void propose(decide::ClusterState next, decide::ActionSet actions);
    void carry_out(Now now);
    [[nodiscard]] bool end_of_work(Now now);
    [[nodiscard]] bool answer_next(Now now);
    [[nodiscard]] bool end_pause(Now now);
    void keep_peace(Now now);
    [[nodiscard]] std::vector<std::string> streaming(const nodes::NodeFacts& primary) const;
    void note_conninfos(decide::ClusterState& state) const;
    [[nodiscard]] bool keep_promise(Now now);
    void give_orders();
    void drop_all(const std::string& why);
    void say(bool is_trouble, std::string text);

    // requests.cc
    [[nodiscard]] Result<std::string> answer(const bus::request::Promote& wish, Now now);
    [[nodiscard]] Result<std::string> answer(const bus::request::Switchover& wish, Now now);
    [[nodiscard]] Result<std::string> answer(const bus::request::Attach& wish, Now now);
    [[nodiscard]] Result<std::string> answer(const bus::request::Detach& wish, Now now);
    [[nodiscard]] Result<std::string> answer(const bus::request::Maintenance& wish, Now now);
    [[nodiscard]] Result<std::string> answer(const bus::request::Pause& wish, Now now);
    template <typename Other>
    [[nodiscard]] Result<std::string> answer(const Other& wish, Now now);
    [[nodiscard]] Result<std::string> ask_for(decide::Event event, decide::Wish wish, Now now);
    [[nodiscard]] Result<void> check_node(const std::string& name) const;
    void change_standing(const std::string& node, decide::Standing standing, std::string reason, Now now);

    const std::string self_;
    Site site_;
    decide::Rules rules_;
    decide::ClusterState state_;
    group::Stamp stamp_;  // of the state
    decide::World world_;
    Probes probes_;
    Desk desk_;
    Work work_;            // of the phase
    Work upkeep_;          // of the promise
    std::string problem_;  // of the work that has failed last
    Promise promise_;
    std::optional<Pending> pending_;
    TimePoint phase_since_;
    TimePoint upkeep_after_;  // not before
    bool has_lease_ = false;
    std::uint64_t lease_epoch_ = 0;
    bool is_synced_ = false;
    bool must_take_over_ = false;
    std::string last_trouble_;
    std::string refusal_;  // of the last request
    std::deque<Question> questions_;
    std::vector<Action> actions_;
};

}  // namespace pgpool::decider
