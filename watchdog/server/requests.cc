// SPDX-License-Identifier: PostgreSQL
// What the programs of this member tell and ask.
#include <algorithm>
#include <utility>

#include "common/bus/codec.h"
#include "common/obs/log.h"
#include "common/page/boot_now.h"
#include "watchdog/server/server.h"

namespace pgpool::watchdog {

namespace {

// The holder answers within milliseconds, unless it is gone.
constexpr seconds kPatience{5};

// Longer than from one report of a voter to the next: voters::kHeardAgain and a question in profile `wan`.
constexpr seconds kVoterSilence{4};

tl::unexpected<Error> refuse(std::string message, std::string hint) {
    return tl::unexpected(Error{std::move(message), sqlstate::kCannotConnectNow, std::move(hint)});
}

}  // namespace

void Server::take(const event::ClientCame& what) {
    programs_->came(what.info, std::chrono::system_clock::now());
    if (what.info.hello.program != kVip) return;
    tell_clients();
    if (takes_addresses()) order_vip();
}

void Server::take(const event::ClientSaid& what) {
    if (programs_->find(what.client) == nullptr) return;
    std::visit([&](const auto& message) { hear(what.client, message); }, what.message);
}

void Server::take(const event::ClientGone& what) {
    const Program* program = programs_->find(what.client);
    const bool is_manager = program != nullptr && program->info.hello.program == kVip;
    programs_->gone(what.client, what.reason);
    if (is_manager && programs_->named(kVip).empty()) {
        addresses_.manager_gone();
        relay_own();
    }
    parking_.gone({electorate_.self, what.client});
    look_at_parking();
    heartbeats_.gone(what.client);
    // If it was to release its addresses, it stays in releasing_: await_gates() knows when they have ended.
}

void Server::hear(ipc::ClientId from, const bus::Command& what) {
    handle(LocalAsker{from, what.id}, what);
}

// Somebody's session has seen something: a reason to look, no more.
void Server::hear(ipc::ClientId, const bus::Observation& what) {
    if (what.node < probers_.size()) probers_[what.node]->hurry();
}

void Server::hear(ipc::ClientId, const bus::VipState& what) {
    relay(what);
    if (!addresses_.told(electorate_.self, what)) return;
    tell_clients();
    relay_clients();
}

void Server::hear(ipc::ClientId, const bus::ClientList& what) {
    if (take_clients(electorate_.self, what)) relay_clients();
}

void Server::hear(ipc::ClientId, const bus::Event& what) {
    programs_->log(what);
    relay(what);
}

void Server::handle(const Asker& asker, const bus::Command& command) {
    const auto request = bus::request_of(command);
    if (!request) return reply(asker, tl::unexpected(request.error()));
    if (bus::is_for_any_member(*request)) return answer_here(asker, *request);
    if (const auto& loss = group_watch_.loss()) {
        return reply(asker, refuse("Corosync does not answer here (" + loss->reason +
                                       "): nothing is decided by this member",
                                   "systemctl restart corosync, or ask another member"));
    }
    const auto* lease = std::get_if<bus::request::Lease>(&*request);
    if (lease != nullptr && lease->verb == bus::request::Lease::Verb::Force)
        return reply(asker, force_lease());
    if (!holds_lease()) {
        if (const auto* local = std::get_if<LocalAsker>(&asker)) return pass_on(*local, command);
        return reply(asker, refuse("this member does not hold the lease any more", "ask again"));
    }
    if (lease != nullptr) return reply(asker, hand_over(""));
    if (const auto* move = std::get_if<bus::request::MoveVip>(&*request))
        return reply(asker, hand_over(move->member));
    if (!decider_.decides())
        return reply(asker, refuse("this member holds the lease, but is not in sync with the others",
                                   "pgpool-ctl status tells who is in"));
    questions_[++last_question_] = asker;
    decider_.ask(last_question_, *request);
}

void Server::pass_on(const LocalAsker& asker, const bus::Command& command) {
    if (const auto reason = exchange_.refusal_of(self_.value_or(group::Process{})); !reason.empty())
        return reply(asker, refuse("the others refuse this member: " + std::string(reason), ""));
    const auto holder = roster_.holder(SteadyClock::now());
    auto bytes = bus::encode(command);
    if (!holder || !bytes) {
        return reply(asker, refuse("no member is known to hold the lease: nobody decides now",
                                   "pgpool-ctl status tells which votes are missing"));
    }
    passed_[++last_question_] = {asker, SteadyClock::now()};
    send_to_group(wire::Asked{last_question_, std::move(*bytes)});
}

void Server::answer_here(const Asker& asker, const bus::Request& request) {
    if (const auto* why = std::get_if<bus::request::Why>(&request))
        return reply(asker, true, decisions_json(decider_.state(), why->count));
    if (std::holds_alternative<bus::request::Status>(request))
        return reply(asker, true, status_json(status(), decider_, config_->nodes));
    if (std::holds_alternative<bus::request::Reload>(request)) {
        const auto reloaded = reload_all();
        return reply(asker, reloaded.has_value(),
                     reloaded ? reloaded_json(*reloaded) : error_json(reloaded.error()));
    }
    if (const auto* local = std::get_if<LocalAsker>(&asker)) programs_->follow_log(local->client);
}

Result<std::string> Server::hand_over(const std::string& to) {
    if (!holds_lease()) return refuse("this member does not hold the lease", "");
    for (const std::string& name : electorate_.members) {
        const bool is_wanted = to.empty() || to == name;
        if (!is_wanted || name == electorate_.self || !is_member(name)) continue;
        lease_->hand_over(MemberId(electorate_.voter(name).value));
        log::info("hand_over", {{"to", name}, {"epoch", view_.epoch.value}});
        return "the lease is offered to \"" + name + "\"";
    }
    if (to == electorate_.self)
        return refuse("\"" + to + "\" holds the lease already, and with it the virtual addresses", "");
    return refuse(to.empty() ? "there is no other member" : "\"" + to + "\" is no other member that is in",
                  "pgpool-ctl status tells who is in");
}

Result<std::string> Server::force_lease() {
    if (holds_lease()) return refuse("this member holds the lease", "");
    const auto holder = roster_.holder(SteadyClock::now());
    if (holder) return refuse("\"" + holder->name + "\" holds the lease", "pgpool-ctl lease release");
    // While we wait for a lease the page has the epoch that it would have: nobody has held that.
    const std::uint64_t of_page = view_.state == page::LeaseState::Waiting ? 0 : view_.epoch.value;
    const std::uint64_t epoch = std::max(exchange_.latest().stamp.epoch, of_page);
    lease_->fenced(Epoch(epoch));
    log::warning("lease_forced", {{"epoch", epoch}});
    return "whoever held epoch " + std::to_string(epoch) + " counts as unable to act";
}

void Server::reply(const Asker& asker, const Result<std::string>& reason) {
    reply(asker, reason.has_value(), reason ? reason_json(*reason) : error_json(reason.error()));
}

void Server::reply(const Asker& asker, bool is_well, std::string json) {
    if (const auto* local = std::get_if<LocalAsker>(&asker))
        return programs_->answer(local->client, local->id, is_well, std::move(json));
    const auto& remote = std::get<RemoteAsker>(asker);
    auto bytes = bus::encode(bus::Answer{.id = remote.id,
                                         .page = {},
                                         .exit_code = static_cast<std::uint8_t>(is_well ? 0 : 1),
                                         .json = std::move(json)});
    if (bytes) send_to_group(wire::Answered{remote.process, remote.id, std::move(*bytes)});
}

void Server::answer_overdue() {
    const TimePoint time = SteadyClock::now();
    std::erase_if(passed_, [&](const auto& entry) {
        if (time - entry.second.since < kPatience) return false;
        reply(entry.second.asker,
              refuse("the member that holds the lease did not answer", "ask again, or look at its log"));
        return true;
    });
}

// Those of the lease. Who does not want the lease asks nobody, so it does not know. Time counts up to when
// this member's own vote was asked last, which always answers: nobody is asked while it rests between two
// attempts.
std::vector<Status::Voter> Server::voters() const {
    std::vector<Status::Voter> voters;
    if (lease_state_ == lease::name(lease::State::Follower)) return voters;
    const lease::Votes votes = electorate_.votes();
    const auto own = voters_heard_.find(electorate_.own_vote());
    const TimePoint asked = own != voters_heard_.end() ? own->second : TimePoint{};
    for (std::uint16_t i = 0; i < votes.size(); ++i) {
        const lease::VoterId voter(i);
        const auto heard = voters_heard_.find(voter);
        std::string name = electorate_.witness;
        if (votes.kind(voter) == lease::VoterKind::Member) name = electorate_.members[i];
        if (votes.kind(voter) == lease::VoterKind::Node)
            name = config_->nodes[electorate_.node_of(voter)].name;
        voters.push_back({std::move(name), votes.weight(voter),
                          heard != voters_heard_.end() && asked - heard->second < kVoterSilence});
    }
    return voters;
}

Status Server::status() {
    const TimePoint time = SteadyClock::now();
    const auto holder = roster_.holder(time);
    Status status{.member = electorate_.self,
                  .epoch = holds_lease() ? view_.epoch.value
                           : holder      ? holder->epoch
                                         : 0,
                  .holder = holds_lease() ? electorate_.self
                            : holder      ? holder->name
                                          : "",
                  .lease_state = lease_state_,
                  .quorum = quorum_,
                  .is_in_group = self_.has_value(),
                  .loss = group_watch_.loss(),
                  .votes_needed = electorate_.votes().quorum(),
                  .voters = voters(),
                  .waiting_for = decider_.waiting_for(now()),
                  .under_way = parking_.under_way(serving_proxies(), decider_.stamp())};
    const BootTime boot = page::boot_now();
    if (holds_lease() && view_.may_act(boot))
        status.remaining = std::chrono::duration_cast<milliseconds>(view_.deadline - boot);
    else if (!holds_lease() && holder && holder->until > boot)
        status.remaining = std::chrono::duration_cast<milliseconds>(holder->until - boot);
    std::vector<std::string> names = electorate_.members;
    if (!electorate_.witness.empty()) names.push_back(electorate_.witness);
    for (const std::string& name : names)
        status.members.push_back({name, roster_.is_in(name), name == electorate_.self,
                                  roster_.protocol_of(name), std::string(exchange_.refusal_of(name))});
    status.vips = addresses_.states();
    for (const Program* program : programs_->all())
        status.programs.push_back(
            {program->info.hello.program, program->info.credentials.pid, program->since});
    return status;
}

}  // namespace pgpool::watchdog
