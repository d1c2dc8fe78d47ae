// SPDX-License-Identifier: PostgreSQL
// The command `hold`: a Holder, and the main thread that tells what happens and looks after TCP connections.
#include <fmt/core.h>
#include <poll.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <set>
#include <utility>

#include "common/net/mailbox.h"
#include "common/net/signals.h"
#include "common/page/boot_now.h"
#include "vip/clients.h"
#include "vip/commands.h"
#include "vip/holder/holder.h"
#include "vip/kernel/only_holder.h"

namespace pgpool::vip {

namespace {

using Told = std::pair<VirtualAddress, Event>;

// From the holder's thread to ours.
class Events final : public Observer {
public:
    void on_event(const VirtualAddress& address, const Event& event) override {
        told_.push({address, event});
    }
    [[nodiscard]] std::vector<Told> take() { return told_.take(); }
    [[nodiscard]] int fd() const { return told_.fd(); }

private:
    net::Mailbox<Told> told_{4096};
};

class Hold {
public:
    explicit Hold(const Task& task)
        : task_(task), clients_(effect()), open_(task.addresses.begin(), task.addresses.end()) {
        clients_.expect(task.clients);
    }

    Result<ExitCode> run() {
        const auto signals = net::receive_signals({SIGINT, SIGTERM});
        if (!signals) return tl::unexpected(signals.error());
        const auto length = std::chrono::duration<double>(task_.options.seconds);
        const PublishedDeadline mandate(page::boot_now() + std::chrono::duration_cast<BootDuration>(length));
        auto holder = Holder::start(task_.addresses, task_.timing, {&mandate}, effect(), events_);
        if (!holder) return tl::unexpected(holder.error());
        (*holder)->take(task_.options.is_graceful ? Approach::Graceful : Approach::Probe);
        while (!open_.empty()) {
            pollfd watched[] = {{signals->get(), POLLIN, 0}, {events_.fd(), POLLIN, 0}};
            ::poll(watched, 2, wait_milliseconds());
            if (net::next_signal(signals->get()) != 0) (*holder)->release();
            for (const auto& [address, event] : events_.take()) handle(address, event);
            clients_.repeat();
        }
        return code_;
    }

private:
    [[nodiscard]] Effect effect() const { return task_.options.is_dry_run ? Effect::DryRun : Effect::Real; }

    [[nodiscard]] int wait_milliseconds() const {
        if (clients_.next() == kNever) return -1;
        const auto left = std::chrono::ceil<milliseconds>(clients_.next() - page::boot_now());
        return static_cast<int>(std::max(left, milliseconds(0)).count());
    }

    void handle(const VirtualAddress& address, const Event& event) {
        print(task_.form(), to_text(address, event), to_json(address, event));
        switch (event.kind) {
            case EventKind::Taken:
                tell_clients(address);
                break;
            case EventKind::Lost:
                code_ = ExitCode::No;
                [[fallthrough]];
            case EventKind::Released:
                report(address, "connections_closed", clients_.address_gone(address));
                open_.erase(address);
                break;
            case EventKind::Refused:
                code_ = ExitCode::No;
                open_.erase(address);
                break;
            case EventKind::Kept:
            case EventKind::Conflict:
            case EventKind::MacChanged:
            case EventKind::Planned:
                break;
        }
    }

    void tell_clients(const VirtualAddress& address) {
        const auto told = clients_.address_taken(address);
        if (!told || *told > 0) report(address, "clients_told", told);
    }

    void report(const VirtualAddress& address, std::string_view what, const Result<std::size_t>& count) {
        if (effect() == Effect::DryRun) return;
        if (!count) {
            std::fprintf(stderr, "pgpool-vip: %s: %s\n", address.text().c_str(),
                         count.error().message.c_str());
            return;
        }
        Json json{{"event", what}};
        json.update(to_json(address));
        json["count"] = *count;
        print(task_.form(), fmt::format("{} {}: {}", what, address.text(), *count), json);
    }

    const Task& task_;
    Events events_;
    Clients clients_;
    std::set<VirtualAddress> open_;  // those whose end was not told yet
    ExitCode code_ = ExitCode::Done;
};

}  // namespace

Result<ExitCode> run_hold(const Task& task) {
    const auto only = be_the_only_holder();
    if (!only) return tl::unexpected(only.error());
    const auto stale = remove_stale(task.options.is_dry_run ? Effect::DryRun : Effect::Real);
    if (!stale) return tl::unexpected(stale.error());
    return Hold(task).run();
}

}  // namespace pgpool::vip
