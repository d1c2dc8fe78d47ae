// SPDX-License-Identifier: PostgreSQL
#pragma once

// CommitGate: whether a node that lacks what main has committed may still get it from main's marker, or
// whether others have built on it there without it.
//
// The others commit after main. If the connection to one of them ends in between, its locks are gone there:
// a transaction that main has executed behind it, on its rows, finds them on that node as they were before,
// comes to the same tags there, and commits. Repeating what is missing behind that would come to another
// result than on main. So: who commits says when main has executed it last, and who was told to commit says
// when that was. What is missing was told at T; whoever has seen it on main was executed at T or later. If
// nobody who was has passed, nobody has built on it.
//
// One for all sessions of a process: of one that has died no transaction goes on. Times: `executed` is read
// after main's answer, `told` before the COMMIT is sent. Threads: any.

#include <atomic>
#include <cstdint>
#include <vector>

#include "common/base/clock.h"
#include "common/base/raise.h"

namespace pgpool::exec {

class CommitGate {
public:
    explicit CommitGate(std::uint32_t slots) : told_(slots) {}

    // Before main is told to commit what it has executed last at `executed`. False: a node is doubted under
    // this epoch; the transaction must not commit under it.
    [[nodiscard]] bool pass(std::uint64_t epoch, TimePoint executed) {
        if (closed_.load() == epoch) return false;  // it has not passed: nobody builds on anything by it
        raise(executed_, executed.time_since_epoch().count());
        return closed_.load() != epoch;
    }
    void told(std::uint32_t slot, TimePoint now) { told_[slot].store(now.time_since_epoch().count()); }

    // A node is doubted: so that it can be made equal nobody else commits under that epoch. REQUIRES: a later
    // one comes.
    void close(std::uint64_t epoch) { closed_.store(epoch); }

    // Of the last transaction of the slot. REQUIRES: no transaction commits any more, on any node.
    [[nodiscard]] bool may_be_built_on(std::uint32_t slot) const {
        const Duration::rep told = slot < told_.size() ? told_[slot].load() : 0;
        return told != 0 && executed_.load() >= told;
    }

private:
    std::atomic<Duration::rep> executed_{0};  // the latest of who has passed
    std::atomic<std::uint64_t> closed_{0};    // the epoch
    std::vector<std::atomic<Duration::rep>> told_;
};

}  // namespace pgpool::exec
