// SPDX-License-Identifier: PostgreSQL
// What the server does for the decider, and what it tells pgpool-vip.
#include "watchdog/nodes/orders.h"

#include <algorithm>
#include <utility>

#include "common/obs/log.h"
#include "common/page/boot_now.h"
#include "common/pg/client.h"
#include "common/pg/own_session.h"
#include "watchdog/server/server.h"

namespace pgpool::watchdog {

namespace {

constexpr seconds kCheckpoint{300};
constexpr milliseconds kKernelDelay{200};  // with which it drops an address; vip/tenure/tenure.cc

std::string make_checkpoint(const pg::ConnectParams& login, const std::atomic<bool>& is_leaving) {
    const TimePoint deadline = SteadyClock::now() + kCheckpoint;
    auto client = pg::Client::connect(login, deadline, &is_leaving);
    if (!client) return client.error().message;
    const auto done = client->run("CHECKPOINT", deadline);
    return done ? std::string() : done.error().message;
}

}  // namespace

void Server::perform(const decider::action::Send& what) {
    log::info("order",
              {{"node", config_->nodes[what.order.node].name}, {"sql", nodes::told(what.order.command)}});
    const lease::CommandId id = lease_->run(electorate_.node_vote(what.order.node), what.order.command);
    orders_[id] = what.order.id;
}

void Server::perform(const decider::action::Hurry&) {
    for (const auto& prober : probers_) prober->hurry();
}

// It may last: it has a thread and a session of its own. Nothing depends on it but how long the stop takes.
void Server::perform(const decider::action::Checkpoint& what) {
    const auto login =
        pg::own_params(config_->nodes.at(what.node), pg::own_login(config_->health, pg::OwnSession::Health));
    if (std::exchange(is_checkpointing_, true)) return;  // one is under way
    checkpoint_ = std::jthread(
        [this, login] { inbox_.insist(event::CheckpointEnded{make_checkpoint(login, is_leaving_)}); });
}

void Server::take(const event::CheckpointEnded& what) {
    is_checkpointing_ = false;
    decider_.told(what.problem.empty(), what.problem);
}

// The topology says so: it has the primary parked from this record on. Proxies tell when all is over.
void Server::perform(const decider::action::Park&) {
    if (parking_.begin(serving_proxies(), decider_.stamp())) decider_.told(true, "");
}

void Server::perform(const decider::action::Unpark&) {
    parking_.cancel();
}

void Server::hear(ipc::ClientId from, const bus::Parked& what) {
    if (parking_.told({electorate_.self, from}, what)) decider_.told(true, "");
    relay(what);
}

void Server::perform(const decider::action::Say& what) {
    if (what.is_trouble)
        log::warning("decision", {{"text", what.text}});
    else
        log::info("decision", {{"text", what.text}});
    const bus::Event line{.at_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(
                                       std::chrono::system_clock::now().time_since_epoch())
                                       .count(),
                          .severity = what.is_trouble ? bus::Severity::Warning : bus::Severity::Info,
                          .program = "pgpool-watchdog",
                          .line = what.text};
    programs_->log(line);
    relay(line);
}

void Server::perform(const decider::action::Reply& what) {
    const auto found = questions_.find(what.question);
    if (found == questions_.end()) return;
    reply(found->second, what.outcome);
    questions_.erase(found);
}

// Nobody can have the addresses if they are off since the lease before: each holder has an epoch of its own,
// so nobody came between.
TakeoverFacts Server::takeover() const {
    const bool is_fast = config_->watchdog.profile == config::TimerProfile::Fast &&
                         config_->mode != config::ClusterMode::Replication;
    return {.is_fast = is_fast,
            .lease = view_.state,
            .are_off = addresses_off_ != 0 && addresses_off_ + 1 == view_.epoch.value,
            .is_in_group = self_.has_value(),
            .is_holder_gone = roster_.is_holder_gone()};
}

// Who holds the lease has the addresses, as long as it lasts: pgpool-vip goes by its page.
void Server::order_vip() {
    bus::VipOrder order{.id = ++vip_order_, .verb = vip_verb(takeover()), .epoch = view_.epoch.value};
    if (holds_lease()) order.deadline_ns = view_.deadline.time_since_epoch().count();
    vip_verb_ = order.verb;
    vip_ordered_ = SteadyClock::now();
    if (takes_addresses()) {
        log::info("vip_ordered",
                  {{"epoch", order.epoch},
                   {"verb", order.verb == bus::VipVerb::TakeReleased ? "take_released" : "take"},
                   {"lease", holds_lease() ? "held" : "awaited"}});
    }
    if (!takes_addresses()) addresses_.let_go();
    programs_->send_to(kVip, order);
}

bool Server::takes_addresses() const {
    return vip_verb_ == bus::VipVerb::Take || vip_verb_ == bus::VipVerb::TakeReleased;
}

bool Server::serves(TimePoint now) const {
    const auto has = [&](std::string_view program) {
        return std::ranges::any_of(programs_->named(program), [&](ipc::ClientId client) {
            return !heartbeats_.stands_still(client, now);
        });
    };
    return programs_ && has(kProxy) && (config_->vip.addresses.empty() || has(kVip));
}

void Server::hear(ipc::ClientId from, const bus::Alive&) {
    heartbeats_.heard(from, SteadyClock::now());
}

// Those that can say that nothing is under way: of all members, since clients come by each.
Parking::Proxies Server::serving_proxies() const {
    const TimePoint time = SteadyClock::now();
    Parking::Proxies proxies;
    for (const ipc::ClientId client : programs_->named(kProxy)) {
        if (!heartbeats_.stands_still(client, time)) proxies.push_back({electorate_.self, client});
    }
    for (const std::string& member : exchange_.members()) {
        if (member != electorate_.self && services_.serves(member, time)) proxies.push_back({member});
    }
    return proxies;
}

void Server::look_at_parking() {
    if (programs_ && parking_.keep(serving_proxies())) decider_.told(true, "");
}

// Nobody listens behind addresses that are held where the proxy is dead or stands still, and nobody holds
// them where pgpool-vip is or does.
void Server::look_at_services() {
    const TimePoint time = SteadyClock::now();
    services_.seen(electorate_.self, serves(time), time);
    if (!holds_lease() || stop_at_ || config_->vip.addresses.empty()) return;
    const auto to = services_.better(electorate_.self, electorate_.members, time);
    if (!to || !is_member(*to)) return;
    services_.moved(time);
    log::warning("service_gone", {{"member", electorate_.self}, {"better", *to}});
    if (const auto offered = hand_over(*to); !offered)
        log::warning("not_handed_over", {{"reason", offered.error().message}});
}

bool Server::take_clients(const std::string& member, const bus::ClientList& page) {
    const auto is_news = addresses_.told(member, page);
    if (!is_news) log::warning("client_list_refused", {{"reason", is_news.error().message}});
    if (!is_news || !*is_news) return false;
    tell_clients();
    return true;
}

void Server::tell_clients() {
    for (const bus::ClientList& page : addresses_.clients()) programs_->send_to(kVip, page);
}

// The lease is handed over once the addresses are off; or it ends at its deadline, as they do.
void Server::close_gates() {
    if (closing_ == view_.epoch.value) return await_gates();
    closing_ = view_.epoch.value;
    closing_since_ = SteadyClock::now();
    const auto managers = programs_->named(kVip);
    releasing_ = {managers.begin(), managers.end()};
    if (releasing_.empty()) lease_->gates_closed(view_.epoch);
    order_vip();
}

// The page allows nobody to refresh an address since then, so the kernel has dropped them by now, whatever a
// manager that stands still would say. The next holder asks the network all the same.
void Server::await_gates() {
    if (releasing_.empty() || SteadyClock::now() - closing_since_ < config_->vip.lifetime + kKernelDelay)
        return;
    log::warning("vip_silent", {{"epoch", *closing_}});
    releasing_.clear();
    lease_->gates_closed(Epoch(*closing_));
}

void Server::hear(ipc::ClientId from, const bus::VipDone& what) {
    if (what.id != vip_order_) return;
    const bool is_done = what.outcome == bus::Outcome::Done;
    const auto took = std::chrono::duration_cast<milliseconds>(SteadyClock::now() - vip_ordered_);
    // Were they lost now, another host might have them: the next order asks the network.
    if (is_done && takes_addresses()) addresses_off_ = 0;
    if (!is_done)
        log::warning(takes_addresses() ? "vip_not_taken" : "vip_not_released", {{"reason", what.reason}});
    else if (takes_addresses())
        log::info("vip_taken", {{"epoch", view_.epoch.value}, {"ms", took.count()}});
    if (!is_done || releasing_.erase(from) == 0 || !releasing_.empty() || !closing_) return;
    log::info("vip_released", {{"epoch", *closing_}, {"ms", took.count()}});
    send_to_group(wire::AddressesOff{*closing_});
    lease_->gates_closed(Epoch(*closing_));
}

}  // namespace pgpool::watchdog
