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
// Threads: take() and release() from any; the last wish counts, one in front of it that was not begun is
// void. release() is acknowledged by an event for each address. The destructor releases and joins.

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "common/base/unique_fd.h"
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
    // Mandates and observer must outlive it.
    [[nodiscard]] static Result<std::unique_ptr<Holder>> start(const std::vector<VirtualAddress>& addresses,
                                                               const config::Vip& timing, Mandates mandates,
                                                               Effect effect, Observer& observer);
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;
    ~Holder();

    void take(Approach approach);
    void release();

private:
    enum class Wish : std::uint8_t { None, Take, TakeGracefully, Release, End };

    Holder(AddressTable table, LinkMonitor links, Mandates mandates);
    void wish(Wish wish);
    void run();
    void wait();
    void fulfil(Wish wish);
    void tick();

    AddressTable table_;
    LinkMonitor links_;
    const Mandates mandates_;
    UniqueFd timer_;
    UniqueFd bell_;
    std::vector<std::unique_ptr<HeldAddress>> addresses_;
    std::atomic<Wish> wish_{Wish::None};
    std::thread thread_;
};

// Takes off what bears our tag, left by a holder that died less than a lifetime ago. What was removed.
[[nodiscard]] Result<std::vector<OwnAddress>> remove_stale(Effect effect);

}  // namespace pgpool::vip
