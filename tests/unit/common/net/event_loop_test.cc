// SPDX-License-Identifier: PostgreSQL
#include "common/net/event_loop.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>
#include <thread>
#include <utility>

#include "common/net/socket.h"

namespace pgpool::net {
namespace {

struct Pair {
    Pair() {
        int fds[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
        near.reset(fds[0]);
        far.reset(fds[1]);
    }
    UniqueFd near;
    UniqueFd far;
};

struct Reader final : Watch {
    Reader(EventLoop& the_loop, int the_fd) : loop(the_loop), fd(the_fd) {}
    void on_ready(Readiness readiness) override {
        if (readiness.writable) ++writable;
        if (!readiness.readable) return;
        char bytes[64];
        while (true) {
            const IoResult got = receive(fd, bytes, sizeof bytes);
            if (got.state == IoResult::State::Closed) return loop.stop();
            if (got.state != IoResult::State::Ok) return;
            text.append(bytes, got.count);
        }
    }
    EventLoop& loop;
    int fd;
    std::string text;
    int writable = 0;
};

TEST(EventLoop, ReadsUntilThePeerCloses) {
    EventLoop loop;
    Pair pair;
    Reader reader(loop, pair.near.get());
    loop.add(pair.near.get(), reader);
    std::thread peer([&] {
        for (const char* word : {"a", "b", "c"}) EXPECT_EQ(transmit(pair.far.get(), word).count, 1U);
        pair.far.reset();
    });
    loop.run();
    peer.join();
    EXPECT_EQ(reader.text, "abc");
    loop.remove(reader);
}

TEST(EventLoop, PostedTasksAndTheTurnEndRunOnTheLoop) {
    EventLoop loop;
    int turns = 0;
    std::string order;
    loop.at_turn_end([&] { ++turns; });
    loop.post([&] {
        order += "1";
        loop.post([&] {
            order += "2";
            loop.stop();
        });
    });
    loop.run();
    EXPECT_EQ(order, "12");
    EXPECT_GE(turns, 2);
}

TEST(EventLoop, AWatchRemovedInTheSameTurnIsNotCalled) {
    EventLoop loop;
    Pair one;
    Pair two;
    struct Killer final : Watch {
        Killer(EventLoop& the_loop, Watch*& the_other, int& the_calls)
            : loop(the_loop), other(the_other), calls(the_calls) {}
        void on_ready(Readiness /*readiness*/) override {
            ++calls;
            loop.remove(*other);
            loop.stop();
        }
        EventLoop& loop;
        Watch*& other;
        int& calls;
    };
    int calls = 0;
    Watch* first_target = nullptr;
    Watch* second_target = nullptr;
    auto first = std::make_unique<Killer>(loop, first_target, calls);
    auto second = std::make_unique<Killer>(loop, second_target, calls);
    first_target = second.get();
    second_target = first.get();
    loop.add(one.near.get(), *first);
    loop.add(two.near.get(), *second);
    EXPECT_EQ(transmit(one.far.get(), "x").count, 1U);
    EXPECT_EQ(transmit(two.far.get(), "x").count, 1U);
    loop.run();
    EXPECT_EQ(calls, 1);
    loop.dispose(std::move(first));
    loop.dispose(std::move(second));
}

TEST(EventLoop, WritabilityIsToldOnlyWhenAskedFor) {
    EventLoop loop;
    Pair pair;
    Reader reader(loop, pair.near.get());
    loop.add(pair.near.get(), reader);
    loop.want_write(reader, true);
    loop.post([&] { loop.post([&] { loop.stop(); }); });
    loop.run();
    EXPECT_GE(reader.writable, 1);
    loop.remove(reader);
}

TEST(EventLoop, TimersFire) {
    EventLoop loop;
    struct Stopper final : TimerTarget {
        explicit Stopper(EventLoop& the_loop) : loop(the_loop) {}
        void on_timer(Timer& /*timer*/) override { loop.stop(); }
        EventLoop& loop;
    } stopper(loop);
    Timer timer(stopper);
    loop.arm(timer, milliseconds(1));
    loop.run();
    EXPECT_FALSE(timer.armed());
}

struct NotingTimer final : TimerTarget {
    NotingTimer(EventLoop& the_loop, std::string& the_order) : loop(the_loop), order(the_order) {}
    void on_timer(Timer& /*timer*/) override {
        order += "timer";
        loop.stop();
    }
    EventLoop& loop;
    std::string& order;
    Timer timer{*this};
};

void wait_until_due(milliseconds after) {
    std::this_thread::sleep_for(after + TimerWheel::kGrain);
}

TEST(EventLoop, APostedTaskComesBeforeATimerThatIsDue) {
    EventLoop loop;
    std::string order;
    NotingTimer late(loop, order);
    loop.arm(late.timer, milliseconds(1));
    loop.post([&] { order += "task "; });
    wait_until_due(milliseconds(1));
    loop.run();
    EXPECT_EQ(order, "task timer");
}

// As after a stop of the process: the wait ends with nothing, because of a signal or its time, and by then
// there is something.
TEST(EventLoop, WhatCameInMeanwhileComesBeforeATimerThatIsDue) {
    EventLoop loop;
    Pair pair;
    std::string order;
    NotingTimer late(loop, order);
    struct Noting final : Watch {
        explicit Noting(std::string& the_order) : order(the_order) {}
        void on_ready(Readiness /*readiness*/) override { order += "bytes "; }
        std::string& order;
    } reader(order);
    loop.add(pair.near.get(), reader);
    bool is_first = true;
    loop.at_turn_begin([&] {
        if (!std::exchange(is_first, false)) return;
        EXPECT_EQ(transmit(pair.far.get(), "x").count, 1U);
        loop.post([&] { order += "task "; });
    });
    loop.arm(late.timer, milliseconds(1));
    wait_until_due(milliseconds(1));
    loop.run();
    EXPECT_EQ(order, "bytes task timer");
    loop.remove(reader);
}

}  // namespace
}  // namespace pgpool::net
