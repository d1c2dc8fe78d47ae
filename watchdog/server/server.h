// SPDX-License-Identifier: PostgreSQL
#pragma once

// Server: the whole watchdog in one object. Its main thread takes what other threads tell (event.h, the
// reports of the lease thread), passes it to the machines that know what to do (group::Exchange,
// decider::Decider), and carries out what they want. It waits in poll(2) only; the disk, name servers, nodes
// and the bus have threads of their own.
//
// Threads: made, run and destroyed on the main thread.

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "common/ipc/member_bus.h"
#include "common/page/lease_page_reader.h"
#include "watchdog/decider/decider.h"
#include "watchdog/hooks/hook_thread.h"
#include "watchdog/nodes/prober.h"
#include "watchdog/server/addresses.h"
#include "watchdog/server/group_link.h"
#include "watchdog/server/group_watch.h"
#include "watchdog/server/heartbeats.h"
#include "watchdog/server/parking.h"
#include "watchdog/server/programs.h"
#include "watchdog/server/roster.h"
#include "watchdog/server/service_watch.h"
#include "watchdog/server/settings.h"
#include "watchdog/server/status.h"
#include "watchdog/server/takeover.h"
#include "watchdog/store/record_store.h"
#include "watchdog/voters/lease_thread.h"
#include "watchdog/wire/messages.h"

namespace pgpool::watchdog {

class Server final : private voters::MemberLink {
public:
    struct Start {
        config::ConfigPtr config;
        std::string config_file;
        Electorate electorate;
        ipc::MemberBus bus;
        group::Record record;        // that the disk holds
        decide::ClusterState state;  // what it says
    };

    explicit Server(Start start);
    ~Server() override;

    // Until a signal ends it; returns the exit status. An Error: it cannot start.
    [[nodiscard]] Result<int> run();

private:
    // Who waits for an answer: a program of this member, or one of another.
    struct LocalAsker {
        ipc::ClientId client;
        std::uint64_t id = 0;
    };
    struct RemoteAsker {
        group::Process process;
        std::uint64_t id = 0;
    };
    using Asker = std::variant<LocalAsker, RemoteAsker>;
    struct Passed {  // on to the holder
        LocalAsker asker;
        TimePoint since;
    };

    // server.cc
    [[nodiscard]] Result<void> start_lease();
    void start_probers();
    void start_programs();
    void loop(int signals);
    void on_signals(int signals);
    void stop();
    void read_inbox();
    void read_reports();
    void tick();
    void look_at_lease();
    [[nodiscard]] bool must_wait() const;
    void announce_lease();
    void go_on();
    void send(lease::VoterId to, std::string bytes) noexcept override;

    // What other threads tell.
    void take(const event::ViewChanged& what);
    void take(const event::Delivered& what);
    void take(const event::QuorumChanged& what) { quorum_ = what.quorum; }
    void take(const event::GroupLost& what);
    void take(const event::Vote& what);
    void take(const event::ClientCame& what);
    void take(const event::ClientSaid& what);
    void take(const event::ClientGone& what);
    void take(const event::CheckpointEnded& what);
    void take(const nodes::Probe& what);
    void take(const store::Written& what);
    void take(const voters::report::ViewChanged& what);
    void take(const voters::report::Became& what);
    void take(const voters::report::SteppedDown& what);
    void take(const voters::report::CommandEnded& what);
    void take(const voters::report::NodeSeen&) {}
    void take(const voters::report::SessionOpened&) {}
    void take(const voters::report::VoterHeard& what) { voters_heard_[what.voter] = SteadyClock::now(); }
    void take(const voters::report::Trouble& what);

    // group.cc
    void perform(const group::Actions& actions);
    void perform(const group::action::Send& what);
    void perform(const group::action::Write& what) { store_->write(what.record); }
    void perform(const group::action::Synced& what);
    void perform(const group::action::Durable& what);
    void perform(const group::action::Refused& what);
    void send_to_group(const wire::Message& message);
    void learn();
    void hear(group::Process from, const group::message::Told& what);
    void hear(group::Process from, const group::message::Proposed& what);
    void hear(group::Process from, const group::message::Confirmed& what);
    void hear(group::Process from, const wire::Vote& what);
    void hear(group::Process from, const wire::Pulse& what);
    void hear(group::Process from, const wire::Asked& what);
    void hear(group::Process from, const wire::Answered& what);
    void hear(group::Process from, const wire::Relayed& what);
    void hear(group::Process from, const wire::AddressesOff& what);
    void pulse();
    void ignore_the_silent();
    void look_at_group();
    [[nodiscard]] bool is_decision_due(TimePoint time) const;
    void relay(const bus::Message& message);
    void relay_own();
    void relay_clients();

    // orders.cc
    void perform(const decider::action::Propose& what);
    void perform(const decider::action::Send& what);
    void perform(const decider::action::Hurry&);
    void perform(const decider::action::Checkpoint& what);
    void perform(const decider::action::Park&);
    void perform(const decider::action::Unpark&);
    void perform(const decider::action::Say& what);
    void perform(const decider::action::Reply& what);
    [[nodiscard]] TakeoverFacts takeover() const;
    void order_vip();
    [[nodiscard]] bool serves(TimePoint now) const;
    void look_at_services();
    [[nodiscard]] Parking::Proxies serving_proxies() const;
    void look_at_parking();
    void close_gates();
    void await_gates();
    bool take_clients(const std::string& member, const bus::ClientList& page);
    void tell_clients();

    // hooks.cc
    void run_hooks(group::Stamp stamp);
    void run_hooks(const std::vector<hooks::HookEvent>& events);

    // reload.cc
    [[nodiscard]] Result<void> may_change(const config::Config& next) const;
    [[nodiscard]] Result<Reloaded> reload();
    [[nodiscard]] Result<Reloaded> reload_all();

    // requests.cc
    void hear(ipc::ClientId from, const bus::Command& what);
    void hear(ipc::ClientId from, const bus::Parked& what);
    void hear(ipc::ClientId from, const bus::Observation& what);
    void hear(ipc::ClientId from, const bus::VipState& what);
    void hear(ipc::ClientId from, const bus::VipDone& what);
    void hear(ipc::ClientId from, const bus::ClientList& what);
    void hear(ipc::ClientId from, const bus::Event& what);
    void hear(ipc::ClientId from, const bus::Alive& what);
    template <typename Other>
    void hear(ipc::ClientId /*from*/, const Other& /*what*/) {}  // is for clients
    void handle(const Asker& asker, const bus::Command& command);
    void pass_on(const LocalAsker& asker, const bus::Command& command);
    void answer_here(const Asker& asker, const bus::Request& request);
    [[nodiscard]] Result<std::string> hand_over(const std::string& to);
    [[nodiscard]] Result<std::string> force_lease();
    void reply(const Asker& asker, const Result<std::string>& reason);
    void reply(const Asker& asker, bool is_well, std::string json);
    void answer_overdue();
    [[nodiscard]] Status status();
    [[nodiscard]] std::vector<Status::Voter> voters() const;

    [[nodiscard]] bool holds_lease() const { return view_.state == page::LeaseState::Held; }
    [[nodiscard]] bool takes_addresses() const;
    [[nodiscard]] bool is_member(std::string_view name) const;  // in the group, and not refused
    [[nodiscard]] static decider::Now now();

    config::ConfigPtr config_;
    const std::string config_file_;
    const Electorate electorate_;
    const ipc::MemberBus bus_;
    Inbox inbox_{kEvents};
    group::Exchange exchange_;
    decider::Decider decider_;
    Roster roster_;
    ServiceWatch services_;
    Heartbeats heartbeats_;
    corosync::Quorum quorum_;
    std::optional<group::Process> self_;  // in the group; empty: we are in none
    GroupWatch group_watch_;
    page::LeasePageReader page_;
    page::LeaseView view_;  // of the page, as last read
    std::string lease_state_{lease::name(lease::State::Follower)};
    std::map<lease::VoterId, TimePoint> voters_heard_;  // when one has answered, to a second
    std::map<lease::CommandId, decider::OrderId> orders_;
    std::vector<wire::Probed> probed_;  // not told to the group yet
    TimePoint pulsed_;
    struct Awaited {
        group::Stamp stamp;
        TimePoint since;
    };
    std::optional<Awaited> awaited_;  // confirmations of other members
    std::map<std::uint64_t, Asker> questions_;
    std::map<std::uint64_t, Passed> passed_;
    std::uint64_t last_question_ = 0;
    Parking parking_;
    TimePoint announced_;  // the lease, on the bus
    std::uint64_t vip_order_ = 0;
    bus::VipVerb vip_verb_ = bus::VipVerb::None;  // of the last order
    TimePoint vip_ordered_;
    std::uint64_t addresses_off_ = 0;       // epoch of the lease under which they were held last
    std::set<ipc::ClientId> releasing_;     // managers of addresses that have not answered
    std::optional<std::uint64_t> closing_;  // epoch whose gates are being closed …
    TimePoint closing_since_;
    Addresses addresses_;
    decide::ClusterState hooked_;  // what hooks were run for, or another member's hooks
    std::atomic<TimePoint> last_turn_{SteadyClock::now()};
    std::optional<TimePoint> stop_at_;  // at the latest
    bool is_stopping_ = false;
    bool is_checkpointing_ = false;
    std::atomic<bool> is_leaving_{false};  // a checkpoint is not waited for
    // Threads, in the order in which they start; they end in the other.
    std::unique_ptr<Programs> programs_;
    std::unique_ptr<hooks::HookThread> hooks_;
    std::unique_ptr<store::RecordStore> store_;
    std::unique_ptr<GroupLink> link_;
    std::unique_ptr<voters::LeaseThread> lease_;
    std::vector<std::unique_ptr<nodes::Prober>> probers_;
    std::jthread checkpoint_;
};

}  // namespace pgpool::watchdog
