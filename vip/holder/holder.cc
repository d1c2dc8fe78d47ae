// SPDX-License-Identifier: PostgreSQL
#include "vip/holder/holder.h"

#include <poll.h>
#include <pthread.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/page/boot_now.h"
#include "vip/holder/held_address.h"

namespace pgpool::vip {

namespace {

void drain(int fd) {
    std::uint64_t ignored = 0;
    static_cast<void>(::read(fd, &ignored, sizeof ignored));
}

// Absolute, so that what is due during a stall is due at once after it. Zero would disarm.
void arm(int timer, BootTime when) {
    const BootDuration due = std::max(when.time_since_epoch(), BootDuration(1));
    itimerspec setting{};
    setting.it_value.tv_sec = std::chrono::duration_cast<seconds>(due).count();
    setting.it_value.tv_nsec = (due % seconds(1)).count();
    ::timerfd_settime(timer, TFD_TIMER_ABSTIME, &setting, nullptr);
}

// On a machine whose processors are all busy a refresh would else wait its turn.
void hurry() {
    const sched_param lowest{.sched_priority = 1};
    static_cast<void>(::pthread_setschedparam(::pthread_self(), SCHED_FIFO, &lowest));
}

}  // namespace

Result<std::unique_ptr<Holder>> Holder::start(const std::vector<VirtualAddress>& addresses,
                                              const config::Vip& timing, Mandates mandates, Effect effect,
                                              Observer& observer) {
    auto table = AddressTable::open();
    if (!table) return tl::unexpected(table.error());
    auto links = LinkMonitor::open();
    if (!links) return tl::unexpected(links.error());
    std::unique_ptr<Holder> holder(
        new Holder(std::move(*table), std::move(*links), std::move(mandates), effect, observer));
    holder->timer_.reset(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!holder->timer_.valid()) return fail_errno("timer of the holder", errno);
    holder->fulfil(Assignment{addresses, timing});
    holder->thread_ = std::thread([raw = holder.get()] { raw->run(); });
    return holder;
}

Holder::Holder(AddressTable table, LinkMonitor links, Mandates mandates, Effect effect, Observer& observer)
    : table_(std::move(table)),
      links_(std::move(links)),
      mandates_(std::move(mandates)),
      effect_(effect),
      observer_(observer),
      last_turn_(page::boot_now().time_since_epoch().count()) {}

Holder::~Holder() {
    if (!thread_.joinable()) return;
    while (!wishes_.push(End{})) std::this_thread::yield();
    thread_.join();
}

void Holder::take(Approach approach) {
    wishes_.push(approach);
}

void Holder::release() {
    wishes_.push(Release{});
}

void Holder::assign(std::vector<VirtualAddress> addresses, const config::Vip& timing) {
    wishes_.push(Assignment{std::move(addresses), timing});
}

void Holder::run() {
    hurry();
    while (!is_ending_) {
        wait();
        tick();  // first what the time demands: nothing below may stand in front of a deadline
        for (const Wish& wish : wishes_.take()) std::visit([this](const auto& what) { fulfil(what); }, wish);
        tick();  // a stall in between would show
    }
}

// Until something is due or comes in; then everything is looked at.
void Holder::wait() {
    const BootTime now = page::boot_now();
    last_turn_.store(now.time_since_epoch().count());
    BootTime next = now + kLongestSleep;
    const BootTime deadline = earliest_deadline(mandates_);
    for (const auto& address : addresses_) next = std::min(next, address->next(deadline));
    arm(timer_.get(), next);
    std::vector<pollfd> watched = {
        {timer_.get(), POLLIN, 0}, {wishes_.fd(), POLLIN, 0}, {links_.fd(), POLLIN, 0}};
    for (const auto& address : addresses_)
        watched.push_back({address->fd(), POLLIN, 0});  // -1 is passed over
    if (::poll(watched.data(), watched.size(), -1) < 0) return;
    tick();
    if (watched[0].revents != 0) drain(timer_.get());
    if (watched[2].revents != 0) {
        links_.drain();
        for (const auto& address : addresses_) address->look_at_link();
    }
    for (std::size_t i = 0; i < addresses_.size(); ++i)
        if (watched[i + 3].revents != 0) addresses_[i]->hear_claims();
}

void Holder::fulfil(Approach approach) {
    for (const auto& address : addresses_) address->take(earliest_deadline(mandates_), approach);
}

void Holder::fulfil(Release) {
    for (const auto& address : addresses_) address->release();
}

void Holder::fulfil(const Assignment& wish) {
    std::vector<std::unique_ptr<HeldAddress>> before = std::exchange(addresses_, {});
    for (const VirtualAddress& wanted : wish.addresses) {
        const auto known = std::ranges::find_if(
            before, [&](const auto& one) { return one != nullptr && one->address() == wanted; });
        if (known == before.end()) {
            addresses_.push_back(
                std::make_unique<HeldAddress>(wanted, wish.timing, effect_, table_, links_, observer_));
        } else {
            addresses_.push_back(std::move(*known));
            addresses_.back()->retime(wish.timing);
        }
    }
    for (const auto& address : before)
        if (address != nullptr) address->release();
}

void Holder::fulfil(End) {
    for (const auto& address : addresses_) address->end();
    is_ending_ = true;
}

void Holder::tick() {
    for (const auto& address : addresses_) address->tick(earliest_deadline(mandates_));
}

Result<std::vector<OwnAddress>> remove_stale(Effect effect) {
    auto table = AddressTable::open();
    if (!table) return tl::unexpected(table.error());
    auto found = table->ours();
    if (!found || effect == Effect::DryRun) return found;
    for (const OwnAddress& stale : *found) {
        if (const Result<void> removed = table->remove(stale.where); !removed)
            return tl::unexpected(removed.error());
    }
    return found;
}

}  // namespace pgpool::vip
