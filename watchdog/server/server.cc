// SPDX-License-Identifier: PostgreSQL
#include "watchdog/server/server.h"

#include <poll.h>
#include <signal.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <random>
#include <utility>

#include "common/net/signals.h"
#include "common/obs/log.h"
#include "common/page/boot_now.h"
#include "common/page/page_path.h"
#include "common/pg/own_session.h"
#include "watchdog/server/trust.h"

namespace pgpool::watchdog {

namespace {

constexpr milliseconds kTick{50};
constexpr milliseconds kPulse{250};
constexpr seconds kStandstill{3};  // of the main thread, which may wait for who reads its log
// How long a stop waits for another member to take the lease over.
constexpr seconds kHandOver{2};

decider::Setup setup_of(const config::Config& config, const Electorate& electorate) {
    return {.self = electorate.self,
            .site = {.nodes = config.nodes, .login = config.health, .conninfos = {}},
            .rules = rules_of(config)};
}

// Between members far apart a packet that is late is no sign of a dead host.
nodes::ProbePace pace_of(config::TimerProfile profile) {
    nodes::ProbePace pace;
    if (profile == config::TimerProfile::Wan) pace.silence = milliseconds(0);
    return pace;
}

}  // namespace

Server::Server(Start start)
    : config_(std::move(start.config)),
      config_file_(std::move(start.config_file)),
      electorate_(std::move(start.electorate)),
      bus_(std::move(start.bus)),
      exchange_(electorate_.self, agreed_of(*config_), start.record),
      decider_(setup_of(*config_, electorate_), start.record, std::move(start.state)),
      page_(page::page_path(config_->watchdog.runtime_directory)),
      addresses_(electorate_.self),
      hooked_(decider_.state()) {}

Server::~Server() {
    is_leaving_ = true;
}

decider::Now Server::now() {
    return {SteadyClock::now(), std::chrono::system_clock::now()};
}

Result<int> Server::run() {
    ::signal(SIGPIPE, SIG_IGN);  // whoever reads the log may end before us
    const auto signals = net::receive_signals({SIGHUP, SIGINT, SIGTERM});
    if (!signals) return tl::unexpected(signals.error());
    if (!electorate_.is_witness) start_programs();
    hooks_ = std::make_unique<hooks::HookThread>();
    store_ = std::make_unique<store::RecordStore>(
        record_file(config_->watchdog),
        [this](store::Written written) { inbox_.insist(std::move(written)); });
    link_ = electorate_.is_alone ? group_of_one(inbox_) : group_by_corosync(inbox_);
    if (auto started = start_lease(); !started) return tl::unexpected(started.error());
    start_probers();
    link_->start();
    log::info("started", {{"version", PGPOOL_VERSION},
                          {"member", electorate_.self},
                          {"members", electorate_.members.size()},
                          {"nodes", electorate_.nodes},
                          {"quorum", electorate_.votes().quorum()},
                          {"votes", electorate_.votes().total()}});
    ::sd_notify(0, "READY=1");
    loop(signals->get());
    ::sd_notify(0, "STOPPING=1");
    log::info("stopped");
    return 0;
}

Result<void> Server::start_lease() {
    voters::Settings settings{
        .votes = electorate_.votes(),
        .parameters = lease_parameters(config_->watchdog.profile),
        .self = electorate_.own_vote(),
        .nodes = {},
        .page = page::page_path(config_->watchdog.runtime_directory),
        .group = bus_.trust.group,
        .remember = promises_file(config_->watchdog),
        .seed = std::random_device()(),
        .is_attended = [this] { return SteadyClock::now() - last_turn_.load() < kStandstill; }};
    for (const config::Node& node : config_->nodes)
        settings.nodes.push_back(pg::own_params(node, pg::own_login(config_->health, pg::OwnSession::Lease)));
    auto started = voters::LeaseThread::start(settings, *this);
    if (!started) return tl::unexpected(started.error());
    lease_ = std::move(*started);
    if (const auto error = page_.refresh()) return tl::unexpected(*error);
    return {};
}

void Server::start_probers() {
    if (electorate_.is_witness) return;
    for (std::size_t i = 0; i < config_->nodes.size(); ++i) {
        probers_.push_back(std::make_unique<nodes::Prober>(
            i, pg::own_params(config_->nodes[i], pg::own_login(config_->health, pg::OwnSession::Health)),
            pace_of(config_->watchdog.profile),
            [this](nodes::Probe probe) { inbox_.push(std::move(probe)); }));
    }
}

void Server::start_programs() {
    ipc::HubOptions options{
        .service = bus_.service,
        .trust = bus_.trust,
        .welcome = {.program = "pgpool-watchdog",
                    .member = electorate_.self,
                    .pid = static_cast<std::uint32_t>(::getpid()),
                    .incarnation = static_cast<std::uint64_t>(page::boot_now().time_since_epoch().count())},
        .limits = {}};
    programs_ = std::make_unique<Programs>(std::move(options), inbox_);
}

void Server::loop(int signals) {
    while (!is_stopping_) {
        std::array<pollfd, 3> watched{
            {{signals, POLLIN, 0}, {inbox_.fd(), POLLIN, 0}, {lease_->reports_fd(), POLLIN, 0}}};
        ::poll(watched.data(), watched.size(), static_cast<int>(kTick.count()));
        on_signals(signals);
        read_inbox();
        read_reports();
        tick();
        go_on();
    }
}

void Server::on_signals(int signals) {
    while (const int signal = net::next_signal(signals)) {
        if (signal == SIGHUP)
            static_cast<void>(reload());
        else
            stop();
    }
}

// A second signal does not wait for anybody.
void Server::stop() {
    is_stopping_ = stop_at_.has_value() || !hand_over("").has_value();
    stop_at_ = SteadyClock::now() + kHandOver;
}

void Server::read_inbox() {
    for (const Event& event : inbox_.take()) std::visit([this](const auto& what) { take(what); }, event);
}

void Server::read_reports() {
    for (const voters::Report& report : lease_->take_reports())
        std::visit([this](const auto& what) { take(what); }, report);
}

void Server::tick() {
    last_turn_ = SteadyClock::now();
    ::sd_notify(0, "WATCHDOG=1");
    look_at_lease();
    const TimePoint time = SteadyClock::now();
    const bool has_trouble = std::ranges::any_of(
        probed_, [](const wire::Probed& probed) { return probed.finding != decide::Finding::Well; });
    if (time - pulsed_ >= kPulse || has_trouble) pulse();
    ignore_the_silent();
    look_at_group();
    answer_overdue();
    heartbeats_.turn(time);
    look_at_services();
    look_at_parking();
    if (stop_at_ && (time >= *stop_at_ || view_.state == page::LeaseState::None)) is_stopping_ = true;
}

void Server::look_at_lease() {
    if (const auto error = page_.refresh()) log::error("lease_page", {{"reason", error->message}});
    const page::LeaseView before = std::exchange(view_, page_.read());
    const auto parameters = lease_parameters(config_->watchdog.profile);
    const bool has_time = view_.may_act(page::boot_now() + parameters.lengthened(parameters.session_timeout));
    decider_.lease(holds_lease() && has_time && !must_wait(), holds_lease() ? view_.epoch.value : 0);
    if (electorate_.is_witness) return;
    const bool has_changed = before.state != view_.state || before.epoch != view_.epoch;
    if (has_changed) pulsed_ = {};  // the others are told at once
    if (has_changed || SteadyClock::now() - announced_ >= kPulse) announce_lease();
    if (view_.state == page::LeaseState::Releasing)
        close_gates();
    else if (has_changed || (vip_verb_ == bus::VipVerb::Release && may_take_early(takeover())))
        order_vip();
}

// Somebody who has left may still send writes where they are acknowledged by one node alone.
bool Server::must_wait() const {
    return config_->watchdog.durability == config::Durability::Available &&
           is_trusted(roster_.departed_heard(), lease_parameters(config_->watchdog.profile),
                      SteadyClock::now());
}

// Of a lease that another member holds: what that one has promised, by this member's clock.
void Server::announce_lease() {
    announced_ = SteadyClock::now();
    bus::LeaseView told;
    if (holds_lease()) {
        told = {.epoch = view_.epoch.value,
                .holder = electorate_.own_vote().value + 1U,
                .holder_name = electorate_.self,
                .deadline_ns = view_.deadline.time_since_epoch().count()};
    } else if (const auto holder = roster_.holder(announced_); holder && holder->name != electorate_.self) {
        told = {.epoch = holder->epoch,
                .holder = electorate_.voter(holder->name).value + 1U,
                .holder_name = holder->name,
                .deadline_ns = holder->until.time_since_epoch().count()};
    }
    programs_->publish(told);
}

void Server::go_on() {
    if (electorate_.is_witness) return;
    for (const decider::Action& action : decider_.go_on(now()))
        std::visit([this](const auto& what) { perform(what); }, action);
    programs_->publish(topology_of(decider_.state(), decider_.stamp(), config_->nodes));
}

// Called on the lease thread: the main thread sends it on.
void Server::send(lease::VoterId to, std::string bytes) noexcept {
    inbox_.push(event::Vote{to, std::move(bytes)});
}

void Server::take(const nodes::Probe& what) {
    const config::Node& node = config_->nodes[what.node];
    const bool is_primary = node.name == decider_.state().primary;
    const auto report = nodes::report_of(what, electorate_.self, node.name, is_primary);
    probed_.push_back({static_cast<std::uint16_t>(what.node), report.finding, report.detail});
    decider_.probed(what);
}

void Server::take(const voters::report::ViewChanged& what) {
    lease_state_ = lease::name(what.view.state);
    look_at_lease();
}

void Server::take(const voters::report::Became& what) {
    log::info("lease_taken", {{"epoch", what.epoch.value}});
    run_hooks({hooks::lease_taken(decider_.state(), what.epoch.value)});
}

void Server::take(const voters::report::SteppedDown& what) {
    log::warning("lease_ended", {{"epoch", what.epoch.value}, {"reason", what.reason}});
}

void Server::take(const voters::report::CommandEnded& what) {
    const auto found = orders_.find(what.command);
    if (found == orders_.end()) return;
    using Kind = voters::CommandOutcome::Kind;
    if (what.outcome.kind != Kind::Done) log::warning("order_failed", {{"reason", what.outcome.text}});
    decider_.ended(found->second, what.outcome);
    orders_.erase(found);
}

void Server::take(const voters::report::Trouble& what) {
    std::string who = "member";
    if (what.voter) {
        const std::size_t node = electorate_.node_of(*what.voter);
        if (what.voter->value >= electorate_.members.size() && node < config_->nodes.size())
            who = config_->nodes[node].name;
    }
    log::warning("lease_trouble", {{"at", who}, {"reason", what.text}});
}

}  // namespace pgpool::watchdog
