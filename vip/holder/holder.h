// SPDX-License-Identifier: PostgreSQL
#pragma once

// Holder: the thread that puts virtual addresses on, keeps them alive and takes them off.
//
// It does nothing else, so that nothing can keep it from the next refresh: it starts no process, reads no
// file while it holds, writes no log, asks no other program. What happens it tells an Observer. Of several
// addresses each is taken or not for itself.
//
// Invariant: what Tenure promises, on the kernel's side: the address is dropped by the kernel a lifetime
// after the last refresh, whatever becomes of this thread.
//
// Threads: take(), release() and assign() from any; the wishes are fulfilled in their order. They and the
// deadline reach the thread without a lock, so nobody who is not scheduled can hold it up. release() is
// acknowledged by an event for each address, and so is an address that assign() leaves out. The destructor
// releases and joins. The thread has real-time priority where that is permitted (RLIMIT_RTPRIO).

#include <atomic>
#include <memory>
#include <thread>
#include <variant>
#include <vector>

#include "common/base/unique_fd.h"
#include "common/net/mailbox.h"
#include "vip/kernel/address_table.h"
#include "vip/kernel/link_monitor.h"
#include "vip/tenure/mandate.h"
#include "vip/tenure/tenure.h"

namespace pgpool::vip {

// Is told on the holder's thread and must not wait: it puts the event into a queue, or counts it.
class Observer {
public:
    Observer() = default;
    Observer(const Observer&) = delete;
    Observer& operator=(const Observer&) = delete;
    virtual ~Observer() = default;
    virtual void on_event(const VirtualAddress& address, const Event& event) = 0;
};

enum class Effect : std::uint8_t {
    Real,
    DryRun,  // asks and listens, but puts on, takes off and announces nothing: tells EventKind::Planned
};

class HeldAddress;

class Holder {
public:
    // Mandates and observer must outlive it. The observer's thread may be another for each call.
    [[nodiscard]] static Result<std::unique_ptr<Holder>> start(const std::vector<VirtualAddress>& addresses,
                                                               const config::Vip& timing, Mandates mandates,
                                                               Effect effect, Observer& observer);
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;
    ~Holder();

    void take(Approach approach);
    void release();
    // From now on these: what is held of others is let go, what is held of these stays.
    void assign(std::vector<VirtualAddress> addresses, const config::Vip& timing);

    // When the thread was awake last; at least once in kLongestSleep, if all is well.
    static constexpr seconds kLongestSleep{1};
    [[nodiscard]] BootTime last_turn() const { return BootTime(BootDuration(last_turn_.load())); }

private:
    struct Release {};
    struct Assignment {
        std::vector<VirtualAddress> addresses;
        config::Vip timing;
    };
    struct End {};
    using Wish = std::variant<Approach, Release, Assignment, End>;
    static constexpr std::size_t kWishes = 4096;

    Holder(AddressTable table, LinkMonitor links, Mandates mandates, Effect effect, Observer& observer);
    void run();
    void wait();
    void fulfil(Approach approach);
    void fulfil(Release wish);
    void fulfil(const Assignment& wish);
    void fulfil(End wish);
    void tick();

    AddressTable table_;
    LinkMonitor links_;
    const Mandates mandates_;
    const Effect effect_;
    Observer& observer_;
    UniqueFd timer_;
    net::Mailbox<Wish> wishes_{kWishes};
    std::vector<std::unique_ptr<HeldAddress>> addresses_;
    bool is_ending_ = false;
    std::atomic<BootTime::rep> last_turn_;
    std::thread thread_;
};

// Takes off what bears our tag, left by a holder that died less than a lifetime ago. What was removed.
[[nodiscard]] Result<std::vector<OwnAddress>> remove_stale(Effect effect);

}  // namespace pgpool::vip
