// SPDX-License-Identifier: PostgreSQL
// The command `hold`: a Holder, and the main thread that tells what happens and looks after TCP connections.
#include <fmt/core.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <set>
#include <utility>

#include "common/page/boot_now.h"
#include "vip/commands.h"
#include "vip/holder/holder.h"
#include "vip/kernel/connections.h"
#include "vip/kernel/local_route.h"
#include "vip/kernel/only_holder.h"
#include "vip/kernel/tickler.h"

namespace pgpool::vip {

namespace {

using Told = std::pair<VirtualAddress, Event>;

// From the holder's thread to ours.
class EventQueue final : public Observer {
public:
    EventQueue() : bell_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

    void on_event(const VirtualAddress& address, const Event& event) override {
        const std::lock_guard lock(mutex_);
        events_.emplace_back(address, event);
        const std::uint64_t one = 1;
        static_cast<void>(::write(bell_.get(), &one, sizeof one));
    }
    [[nodiscard]] std::vector<Told> take_all() {
        std::uint64_t ignored = 0;
        static_cast<void>(::read(bell_.get(), &ignored, sizeof ignored));
        const std::lock_guard lock(mutex_);
        return std::exchange(events_, {});
    }
    [[nodiscard]] int fd() const { return bell_.get(); }

private:
    UniqueFd bell_;
    std::mutex mutex_;
    std::vector<Told> events_;
};

// Blocks them for this thread and those that it starts.
UniqueFd receive_signals() {
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
    return UniqueFd(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
}

class Hold {
public:
    explicit Hold(const Task& task) : task_(task), open_(task.addresses.begin(), task.addresses.end()) {}

    Result<ExitCode> run() {
        const UniqueFd signals = receive_signals();
        const auto length = std::chrono::duration<double>(task_.options.seconds);
        const PublishedDeadline mandate(page::boot_now() + std::chrono::duration_cast<BootDuration>(length));
        auto holder = Holder::start(task_.addresses, task_.timing, {&mandate}, effect(), queue_);
        if (!holder) return tl::unexpected(holder.error());
        (*holder)->take(task_.options.is_graceful ? Approach::Graceful : Approach::Probe);
        while (!open_.empty()) {
            pollfd watched[] = {{signals.get(), POLLIN, 0}, {queue_.fd(), POLLIN, 0}};
            ::poll(watched, 2, wait_milliseconds());
            signalfd_siginfo signal{};
            if (::read(signals.get(), &signal, sizeof signal) > 0) (*holder)->release();
            for (const auto& [address, event] : queue_.take_all()) handle(address, event);
            tickler_.repeat(page::boot_now());
        }
        return code_;
    }

private:
    [[nodiscard]] Effect effect() const { return task_.options.is_dry_run ? Effect::DryRun : Effect::Real; }

    [[nodiscard]] int wait_milliseconds() const {
        if (tickler_.next() == kNever) return -1;
        const auto left = std::chrono::ceil<milliseconds>(tickler_.next() - page::boot_now());
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
                end_clients(address);
                open_.erase(address);
                break;
            case EventKind::Refused:
                code_ = ExitCode::No;
                open_.erase(address);
                break;
            case EventKind::Conflict:
            case EventKind::MacChanged:
            case EventKind::Planned:
                break;
        }
    }

    void tell_clients(const VirtualAddress& address) {
        std::vector<Connection> clients;
        for (const Connection& connection : task_.clients)
            if (connection.own.address == address.address) clients.push_back(connection);
        if (clients.empty() || effect() == Effect::DryRun) return;
        wait_until_local(address.address, seconds(1));  // their answers must reach our kernel
        report(address, "clients_told", tickler_.begin(page::boot_now(), std::move(clients)));
    }

    void end_clients(const VirtualAddress& address) {
        if (effect() == Effect::Real)
            report(address, "connections_closed", close_connections_at(address.address));
    }

    void report(const VirtualAddress& address, std::string_view what, const Result<std::size_t>& count) {
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
    EventQueue queue_;
    Tickler tickler_;
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
