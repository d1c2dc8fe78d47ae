// SPDX-License-Identifier: PostgreSQL
#include "vip/holder/holder.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "vip/holder/held_address.h"

namespace pgpool::vip {

namespace {

void drain(int fd) {
    std::uint64_t ignored = 0;
    static_cast<void>(::read(fd, &ignored, sizeof ignored));
}

// Absolute, so that what is due during a stall is due at once after it. Zero would disarm.
void arm(int timer, BootTime when) {
    itimerspec setting{};
    if (when != kNever) {
        const BootDuration due = std::max(when.time_since_epoch(), BootDuration(1));
        setting.it_value.tv_sec = std::chrono::duration_cast<seconds>(due).count();
        setting.it_value.tv_nsec = (due % seconds(1)).count();
    }
    ::timerfd_settime(timer, TFD_TIMER_ABSTIME, &setting, nullptr);
}

}  // namespace

Result<std::unique_ptr<Holder>> Holder::start(const std::vector<VirtualAddress>& addresses,
                                              const config::Vip& timing, Mandates mandates, Effect effect,
                                              Observer& observer) {
    auto table = AddressTable::open();
    if (!table) return tl::unexpected(table.error());
    auto links = LinkMonitor::open();
    if (!links) return tl::unexpected(links.error());
    std::unique_ptr<Holder> holder(new Holder(std::move(*table), std::move(*links), std::move(mandates)));
    holder->timer_.reset(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
    holder->bell_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!holder->timer_.valid() || !holder->bell_.valid()) return fail_errno("timer of the holder", errno);
    for (const VirtualAddress& address : addresses)
        holder->addresses_.push_back(
            std::make_unique<HeldAddress>(address, timing, effect, holder->table_, holder->links_, observer));
    holder->thread_ = std::thread([raw = holder.get()] { raw->run(); });
    return holder;
}

Holder::Holder(AddressTable table, LinkMonitor links, Mandates mandates)
    : table_(std::move(table)), links_(std::move(links)), mandates_(std::move(mandates)) {}

Holder::~Holder() {
    if (!thread_.joinable()) return;
    wish(Wish::End);
    thread_.join();
}

void Holder::take(Approach approach) {
    wish(approach == Approach::Graceful ? Wish::TakeGracefully : Wish::Take);
}

void Holder::release() {
    wish(Wish::Release);
}

void Holder::wish(Wish wish) {
    wish_.store(wish);
    const std::uint64_t one = 1;
    static_cast<void>(::write(bell_.get(), &one, sizeof one));
}

void Holder::run() {
    for (;;) {
        wait();
        const Wish wish = wish_.exchange(Wish::None);
        tick();  // first what the time demands: nothing below may stand in front of a deadline
        fulfil(wish);
        if (wish == Wish::End) return;
        tick();  // a stall in between would show
    }
}

// Until something is due or comes in; then everything is looked at.
void Holder::wait() {
    BootTime next = kNever;
    const BootTime deadline = earliest_deadline(mandates_);
    for (const auto& address : addresses_) next = std::min(next, address->next(deadline));
    arm(timer_.get(), next);
    std::vector<pollfd> watched = {
        {timer_.get(), POLLIN, 0}, {bell_.get(), POLLIN, 0}, {links_.fd(), POLLIN, 0}};
    for (const auto& address : addresses_)
        watched.push_back({address->fd(), POLLIN, 0});  // -1 is passed over
    if (::poll(watched.data(), watched.size(), -1) < 0) return;
    tick();
    if (watched[0].revents != 0) drain(timer_.get());
    if (watched[1].revents != 0) drain(bell_.get());
    if (watched[2].revents != 0) {
        links_.drain();
        for (const auto& address : addresses_) address->look_at_link();
    }
    for (std::size_t i = 0; i < addresses_.size(); ++i)
        if (watched[i + 3].revents != 0) addresses_[i]->hear_claims();
}

void Holder::fulfil(Wish wish) {
    for (const auto& address : addresses_) {
        switch (wish) {
            case Wish::None:
                break;
            case Wish::Take:
                address->take(earliest_deadline(mandates_), Approach::Probe);
                break;
            case Wish::TakeGracefully:
                address->take(earliest_deadline(mandates_), Approach::Graceful);
                break;
            case Wish::Release:
                address->release();
                break;
            case Wish::End:
                address->end();
                break;
        }
    }
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
