// SPDX-License-Identifier: PostgreSQL
#include "vip/daemon.h"

#include <fmt/core.h>
#include <poll.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "common/bus/codec.h"
#include "common/config/load.h"
#include "common/net/signals.h"
#include "common/obs/log.h"
#include "common/page/boot_now.h"
#include "common/page/page_path.h"
#include "vip/duty/client_list.h"
#include "vip/kernel/only_holder.h"

namespace pgpool::vip {

namespace {

constexpr milliseconds kHousekeeping{1'000};
constexpr seconds kPatience{5};         // with the holder's thread, which is awake once a second at least
constexpr seconds kStandstill{2};       // the same, for the watchdog: the addresses go elsewhere
constexpr milliseconds kGiveUp{3'000};  // when it ends
constexpr milliseconds kFarewell{100};  // for the watchdog to read what it is told last
constexpr std::size_t kEvents = 4096;

bus::Hello hello(const config::Config& config) {
    return {.program = "pgpool-vip",
            .instance = ipc::member_name(config.watchdog),
            .pid = static_cast<std::uint32_t>(::getpid()),
            .incarnation = static_cast<std::uint64_t>(page::boot_now().time_since_epoch().count())};
}

void log_state(const bus::VipState& state) {
    const bool is_fine = state.phase != bus::VipPhase::Conflict;
    log::write(is_fine ? log::Level::Info : log::Level::Warning, "vip_state",
               {{"address", state.address},
                {"interface", state.device},
                {"phase", bus::to_string(state.phase)},
                {"epoch", state.epoch},
                {"reason", state.reason}});
}

void log_done(const bus::VipDone& done) {
    const bool is_done = done.outcome == bus::Outcome::Done;
    log::write(is_done ? log::Level::Info : log::Level::Warning, is_done ? "order_done" : "order_failed",
               {{"id", done.id}, {"reason", done.reason}});
}

void log_count(std::string_view event, const VirtualAddress& address, const Result<std::size_t>& count) {
    if (!count) {
        log::warning("clients_not_reached", {{"address", address.text()}, {"reason", count.error().message}});
    } else if (*count > 0) {
        log::info(event, {{"address", address.text()}, {"count", *count}});
    }
}

}  // namespace

Daemon::Daemon(config::Config config, std::string config_file, std::vector<VirtualAddress> addresses,
               Effect effect)
    : config_(std::move(config)),
      config_file_(std::move(config_file)),
      addresses_(std::move(addresses)),
      effect_(effect),
      duty_(addresses_, config_.vip.lifetime),
      clients_(effect),
      mandate_(page::page_path(config_.watchdog.runtime_directory)),
      tasks_(kEvents + ipc::Client::kUndelivered) {}

Daemon::~Daemon() = default;

Result<void> Daemon::run() {
    const auto signals = net::receive_signals({SIGINT, SIGTERM, SIGHUP});
    if (!signals) return tl::unexpected(signals.error());
    ::signal(SIGPIPE, SIG_IGN);  // whoever reads the log may end before us
    if (const auto started = start(); !started) return started;
    log::info("started", {{"version", PGPOOL_VERSION},
                          {"member", ipc::member_name(config_.watchdog)},
                          {"addresses", addresses_.size()}});
    ::sd_notify(0, "READY=1");
    serve(signals->get());
    log::info("stopped");
    return {};
}

Result<void> Daemon::start() {
    auto member = ipc::bus_of(config_.watchdog);
    if (!member) return tl::unexpected(member.error());
    auto only = be_the_only_holder();
    if (!only) return tl::unexpected(only.error());
    only_ = std::move(*only);
    const auto stale = remove_stale(effect_);
    if (!stale) return tl::unexpected(stale.error());
    for (const OwnAddress& own : *stale) log::warning("stale_removed", {{"address", own.where.text()}});
    look_at_page();
    auto holder = Holder::start(addresses_, config_.vip, {&mandate_}, effect_, *this);
    if (!holder) return tl::unexpected(holder.error());
    holder_ = std::move(*holder);
    ipc::ClientOptions options;
    options.service = std::move(member->service);
    options.trust = member->trust;
    options.hello = hello(config_);
    // Not make_unique: only this class knows that it is a handler.
    bus_.reset(
        new ipc::Client(std::move(options), *this, [this](Task task) { tasks_.push(std::move(task)); }));
    return {};
}

void Daemon::serve(int signals) {
    while (page::boot_now() < farewell_) {
        pollfd watched[] = {{signals, POLLIN, 0}, {tasks_.fd(), POLLIN, 0}};
        ::poll(watched, 2, wait_milliseconds(page::boot_now()));
        while (const int signal = net::next_signal(signals)) on_signal(signal);
        for (const Task& task : tasks_.take()) task();
        const BootTime now = page::boot_now();
        perform(duty_.tick(now, mandate_.deadline()));
        clients_.repeat();
        if (now >= house_) keep_house(now);
        if (now >= beat_) tell_alive(now);
    }
    if (!duty_.is_over()) {
        log::error("forced_exit",
                   {{"reason", "the addresses were not let go in time; they end with their lifetime"}});
        ::_exit(1);
    }
    bus_.reset();
    holder_.reset();
}

int Daemon::wait_milliseconds(BootTime now) const {
    const BootTime next = std::min({duty_.next(), clients_.next(), house_, beat_, farewell_});
    return static_cast<int>(std::max(std::chrono::ceil<milliseconds>(next - now), milliseconds(0)).count());
}

void Daemon::keep_house(BootTime now) {
    house_ = now + kHousekeeping;
    look_at_page();
    if (now - holder_->last_turn() < kPatience) ::sd_notify(0, "WATCHDOG=1");
}

void Daemon::tell_alive(BootTime now) {
    beat_ = now + bus::kAliveEvery;
    if (now - holder_->last_turn() < kStandstill) static_cast<void>(bus_->send(bus::Alive{++beats_}));
}

void Daemon::look_at_page() {
    const auto error = mandate_.look();
    const std::string trouble = error ? error->message : "";
    if (trouble == page_trouble_) return;
    page_trouble_ = trouble;
    if (error) {
        log::warning("no_lease_page", {{"reason", trouble}});
    } else {
        log::info("lease_page_found");
    }
}

void Daemon::on_signal(int signal) {
    if (signal == SIGHUP) return reload();
    if (farewell_ != kNever) return;
    ::sd_notify(0, "STOPPING=1");
    farewell_ = page::boot_now() + kGiveUp;
    perform(duty_.end());
}

void Daemon::on_event(const VirtualAddress& address, const Event& event) {
    tasks_.push([this, address, event] { handle(address, event); });
}

// Clients first when an address has come: every millisecond is one that they wait.
void Daemon::handle(const VirtualAddress& address, const Event& event) {
    if (event.kind == EventKind::Taken) log_count("clients_told", address, clients_.address_taken(address));
    if (event.kind == EventKind::Planned)
        log::info("vip_planned", {{"address", address.text()}, {"what", event.detail}});
    if (event.kind == EventKind::MacChanged)
        log::info("mac_changed", {{"address", address.text()}, {"mac", event.mac->text()}});
    perform(duty_.happened(page::boot_now(), address, event));
    if (event.kind == EventKind::Released || event.kind == EventKind::Lost)
        log_count("connections_closed", address, clients_.address_gone(address));
}

void Daemon::on_up(const bus::Welcome& hub) {
    log::info("watchdog_found", {{"member", hub.member}, {"pid", hub.pid}});
    client_pages_ = {};
    look_at_page();
    perform(duty_.watchdog_found());
}

void Daemon::on_down(const std::string& reason) {
    log::warning("watchdog_lost", {{"reason", reason}});
    duty_.watchdog_lost();
}

void Daemon::on_message(bus::Message message) {
    if (const auto* order = std::get_if<bus::VipOrder>(&message)) return on_order(*order);
    if (auto* page = std::get_if<bus::ClientList>(&message)) return on_clients(std::move(*page));
}

void Daemon::on_order(const bus::VipOrder& order) {
    const BootTime now = page::boot_now();
    log::info("order", {{"id", order.id},
                        {"verb", order.verb == bus::VipVerb::Release ? "release" : "take"},
                        {"epoch", order.epoch}});
    look_at_page();
    perform(duty_.order(now, order));
}

void Daemon::on_clients(bus::ClientList page) {
    auto whole = client_pages_.add(std::move(page));
    if (!whole) return log::warning("client_list_refused", {{"reason", whole.error().message}});
    if (*whole) clients_.expect(connections_of(**whole));
}

void Daemon::perform(const Answers& answers) {
    mandate_.follow(duty_.mandated());
    carry_out(answers.deed);
    for (const bus::Message& message : answers.messages) tell(message);
    if (duty_.is_over()) farewell_ = std::min(farewell_, page::boot_now() + kFarewell);
    if (answers.deed != Deed::Confirm) return;
    const auto left = remove_stale(effect_);
    perform(duty_.confirmed(left ? "" : left.error().message));
}

void Daemon::carry_out(Deed deed) {
    switch (deed) {
        case Deed::None:
        case Deed::Confirm:
            break;
        case Deed::Take:
            return holder_->take(Approach::Probe);
        case Deed::TakeGracefully:
            return holder_->take(Approach::Graceful);
        case Deed::Release:
            return holder_->release();
    }
}

// What the watchdog does not hear now, since it is away, it hears when it is back. In a dry run it must not
// believe what would be.
void Daemon::tell(const bus::Message& message) {
    if (const auto* state = std::get_if<bus::VipState>(&message)) {
        log_state(*state);
        if (effect_ == Effect::Real) static_cast<void>(bus_->send(*state));
    } else if (const auto* done = std::get_if<bus::VipDone>(&message)) {
        log_done(*done);
        const bus::VipDone dry{done->id, bus::Outcome::Failed, "dry run: nothing is changed"};
        static_cast<void>(bus_->send(effect_ == Effect::Real ? *done : dry));
    }
}

void Daemon::reload() {
    ::sd_notify(0, "RELOADING=1");
    config::Reread reread = config::load_again(config_file_, config_);
    if (reread.plan) {
        auto addresses = virtual_addresses(reread.plan->effective.vip);
        if (addresses)
            apply(reread.plan->effective, std::move(*addresses));
        else
            reread.refused.push_back(addresses.error().message);
    }
    for (const std::string& reason : reread.refused) log::error("reload_refused", {{"reason", reason}});
    ::sd_notify(0, "READY=1");
}

void Daemon::apply(const config::Config& next, std::vector<VirtualAddress> addresses) {
    log::set_level(next.log.level);
    if (next.vip != config_.vip) {
        holder_->assign(addresses, next.vip);
        perform(duty_.assign(std::move(addresses), next.vip.lifetime));
    }
    config_ = next;
    log::info("reloaded", {{"addresses", config_.vip.addresses.size()}});
}

}  // namespace pgpool::vip
