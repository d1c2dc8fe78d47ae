// SPDX-License-Identifier: PostgreSQL
// The server's dealings with the other members.
#include <algorithm>
#include <utility>

#include "common/bus/codec.h"
#include "common/obs/log.h"
#include "common/page/boot_now.h"
#include "watchdog/server/server.h"
#include "watchdog/server/trust.h"

namespace pgpool::watchdog {

namespace {

std::string text_of(group::Process process) {
    return std::to_string(process.node) + "/" + std::to_string(process.pid);
}

// What another member has passed on; nothing: it is no message of the bus that we know.
std::optional<bus::Message> message_of(const std::string& bytes) {
    auto decoded = bus::decode(bytes);
    auto* message = decoded ? std::get_if<bus::Message>(&*decoded) : nullptr;
    return message != nullptr ? std::optional(std::move(*message)) : std::nullopt;
}

}  // namespace

void Server::perform(const group::Actions& actions) {
    decider_.members(exchange_.members());
    for (const group::Action& action : actions)
        std::visit([this](const auto& what) { perform(what); }, action);
}

void Server::perform(const group::action::Send& what) {
    std::visit([this](const auto& message) { send_to_group(message); }, what.message);
}

void Server::send_to_group(const wire::Message& message) {
    auto bytes = wire::encode(message);
    if (!bytes) return log::error("message_not_sent", {{"reason", bytes.error().message}});
    link_->send(std::move(*bytes));
}

void Server::perform(const group::action::Durable& what) {
    decider_.durable(what.stamp);
    run_hooks(what.stamp);
}

void Server::learn() {
    if (const auto learned = decider_.learned(exchange_.latest(), std::chrono::system_clock::now()); !learned)
        log::error("record_unreadable", {{"reason", learned.error().message}});
}

void Server::perform(const group::action::Synced&) {
    learn();
    decider_.synced(true);
    log::info("synced",
              {{"epoch", exchange_.latest().stamp.epoch}, {"revision", exchange_.latest().stamp.revision}});
    if (!electorate_.is_witness) lease_->campaign(Epoch(exchange_.latest().stamp.epoch));
}

bool Server::is_member(std::string_view name) const {
    const auto members = exchange_.members();
    return self_ && std::ranges::find(members, name) != members.end();
}

// Who differs from the others must not decide.
void Server::perform(const group::action::Refused& what) {
    log::error("member_refused", {{"member", what.name}, {"reason", what.reason}});
    roster_.refused(what.process);
    if (self_ != what.process) return;
    decider_.synced(false);
    lease_->withdraw();
}

void Server::take(const event::ViewChanged& what) {
    self_ = what.self;
    group_watch_.joined();
    roster_.view_changed(what.view, SteadyClock::now());
    addresses_.forget_others();
    decider_.synced(false);
    awaited_.reset();
    log::info("view_changed", {{"members", what.view.processes.size()}});
    perform(exchange_.view_changed(what.view, what.self));
}

// Without a group nothing is decided: nobody would know of it. The lease is kept until something has to be
// (look_at_group), so what is decided stays in force.
void Server::take(const event::GroupLost& what) {
    const decider::Now time = now();
    if (group_watch_.lost(what.reason, time.time, time.wall))
        log::warning("group_lost", {{"reason", what.reason}});
    self_.reset();
    quorum_ = {};
    roster_.lost();
    addresses_.forget_others();
    decider_.synced(false);
}

// The votes of other members come by the group, but those of nodes do not need it: without this the lease
// would never end, and nobody who has a group could decide. Another campaign begins when we are in sync
// again.
void Server::look_at_group() {
    const TimePoint time = SteadyClock::now();
    if (!group_watch_.has_lasted(time) || !is_decision_due(time)) return;
    if (lease_state_ == lease::name(lease::State::Follower)) return;
    if (holds_lease())
        log::warning("lease_given_up",
                     {{"epoch", view_.epoch.value}, {"reason", "this member is in no group"}});
    lease_->withdraw();
}

// As far as this member sees: the primary is gone, or its own programs do not serve who comes to the
// addresses.
bool Server::is_decision_due(TimePoint time) const {
    const auto* primary = decider_.world().evidence.find(electorate_.self, decider_.state().primary);
    const bool is_gone = primary != nullptr && decide::opinion_of(*primary, decider_.rules().evidence,
                                                                  time) == decide::Opinion::Gone;
    return is_gone || !serves(time);
}

void Server::take(const event::Delivered& what) {
    const auto message = wire::decode(what.bytes);
    if (!message) return log::debug("message_unknown", {{"from", text_of(what.from)}});
    // What leads to a record is the exchange's to judge; all else is the word of members.
    const bool is_for_exchange = std::visit(
        [](const auto& text) { return std::is_constructible_v<group::Message, decltype(text)>; }, *message);
    if (!is_for_exchange && exchange_.member_of(what.from).empty())
        return log::debug("message_refused", {{"from", text_of(what.from)}});
    std::visit([&](const auto& text) { hear(what.from, text); }, *message);
}

void Server::take(const event::Vote& what) {
    send_to_group(wire::Vote{what.to.value, what.bytes});
}

void Server::take(const store::Written& what) {
    if (!what.problem.empty()) return log::error("record_not_written", {{"reason", what.problem}});
    perform(exchange_.written(what.stamp));
}

void Server::hear(group::Process from, const group::message::Told& what) {
    roster_.told(from, what);
    perform(exchange_.delivered(from, what));
    if (from != self_) relay_own();
}

void Server::hear(group::Process from, const group::message::Proposed& what) {
    perform(exchange_.delivered(from, what));
    learn();
}

void Server::hear(group::Process from, const group::message::Confirmed& what) {
    perform(exchange_.delivered(from, what));
}

void Server::hear(group::Process from, const wire::Vote& what) {
    const lease::VoterId voter = electorate_.voter(exchange_.member_of(from));
    if (what.to != electorate_.own_vote().value || voter.value >= electorate_.votes().size()) return;
    lease_->received(voter, what.bytes);
}

void Server::hear(group::Process from, const wire::Pulse& what) {
    const TimePoint time = SteadyClock::now();
    const auto until = promised_until(what, self_.value_or(group::Process{}),
                                      lease_parameters(config_->watchdog.profile), page::boot_now());
    roster_.heard(from, what.sent_ns, {what.epoch, until.value_or(BootTime{})}, time);
    const std::string name(exchange_.member_of(from));
    if (from == self_) return;
    services_.seen(name, what.serves, time);
    if (until && !electorate_.is_witness) announce_lease();
    for (const wire::Probed& probed : what.probes) {
        if (probed.node >= config_->nodes.size()) continue;
        decider_.reported({name, config_->nodes[probed.node].name, probed.finding, probed.detail}, time);
    }
}

void Server::hear(group::Process from, const wire::Asked& what) {
    const auto message = message_of(what.command);
    const auto* command = message ? std::get_if<bus::Command>(&*message) : nullptr;
    if (command != nullptr && holds_lease()) handle(RemoteAsker{from, what.id}, *command);
}

void Server::hear(group::Process, const wire::Answered& what) {
    const auto passed = passed_.find(what.id);
    if (what.to != self_ || passed == passed_.end()) return;
    const auto message = message_of(what.answer);
    const auto* answer = message ? std::get_if<bus::Answer>(&*message) : nullptr;
    if (answer == nullptr) return;
    reply(passed->second.asker, answer->exit_code == 0, answer->json);
    passed_.erase(passed);
}

// What a program of another member has said.
void Server::hear(group::Process from, const wire::Relayed& what) {
    const auto message = message_of(what.message);
    const std::string name(exchange_.member_of(from));
    if (from == self_ || !message || electorate_.is_witness) return;
    if (const auto* clients = std::get_if<bus::ClientList>(&*message)) take_clients(name, *clients);
    if (const auto* line = std::get_if<bus::Event>(&*message)) programs_->log(*line);
    if (const auto* parked = std::get_if<bus::Parked>(&*message); parked && parking_.told({name}, *parked))
        decider_.told(true, "");
    const auto* vip = std::get_if<bus::VipState>(&*message);
    if (vip != nullptr && addresses_.told(name, *vip)) tell_clients();
}

void Server::hear(group::Process, const wire::AddressesOff& what) {
    addresses_off_ = what.epoch;
}

void Server::relay(const bus::Message& message) {
    auto bytes = bus::encode(message);
    if (bytes) send_to_group(wire::Relayed{std::move(*bytes)});
}

// A member that comes has heard nothing of what was relayed before.
void Server::relay_own() {
    for (const bus::Message& message : addresses_.own()) relay(message);
}

void Server::relay_clients() {
    for (const bus::ClientList& page : addresses_.own_clients()) relay(page);
}

void Server::pulse() {
    pulsed_ = SteadyClock::now();
    const BootTime time = page::boot_now();
    wire::Pulse pulse{.epoch = 0,
                      .probes = std::exchange(probed_, {}),
                      .sent_ns = time.time_since_epoch().count(),
                      .remaining_ns = 0,
                      .heard = {},
                      .serves = serves(SteadyClock::now())};
    if (holds_lease()) {
        pulse.epoch = view_.epoch.value;
        pulse.remaining_ns = std::max(view_.deadline - time, BootDuration{}).count();
        pulse.heard = roster_.signs();
        std::erase_if(pulse.heard, [&](const auto& one) { return !exchange_.has_latest(one.member); });
    }
    send_to_group(pulse);
}

void Server::ignore_the_silent() {
    const std::vector<group::Process> awaited = exchange_.awaited();
    const bool is_waiting = std::ranges::any_of(awaited, [&](group::Process one) { return one != self_; });
    if (!self_ || !is_waiting) return awaited_.reset();
    const TimePoint time = SteadyClock::now();
    const group::Stamp latest = exchange_.latest().stamp;
    if (!awaited_ || awaited_->stamp != latest) awaited_ = {latest, time};
    if (time - awaited_->since < kRecordPatience) return;
    for (const group::Process process : awaited) {
        if (process == self_) continue;
        log::warning("member_silent", {{"member", roster_.name_of(process)}, {"process", text_of(process)}});
        perform(exchange_.ignore(process));
    }
    awaited_.reset();
}

void Server::perform(const decider::action::Propose& what) {
    const group::Actions actions = exchange_.propose(what.record);
    if (!actions.empty()) return perform(actions);
    // A lease that is older than what was decided: somebody has removed what the voters remember, or a record
    // came that nobody here had. The next lease is above it.
    const Epoch known(exchange_.latest().stamp.epoch);
    log::error("not_proposed", {{"epoch", what.record.stamp.epoch}, {"known_epoch", known.value}});
    decider_.refused();
    lease_->withdraw();
    lease_->campaign(known);
}

}  // namespace pgpool::watchdog
