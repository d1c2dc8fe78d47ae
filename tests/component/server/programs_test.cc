// SPDX-License-Identifier: PostgreSQL
// What a program on the bus can do to the watchdog's inbox.
#include "watchdog/server/programs.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <map>
#include <string>
#include <thread>

#include "tests/component/ipc/peer_process.h"

namespace pgpool::watchdog {
namespace {

TEST(Programs, OneThatFloodsIsDisconnectedAndOthersAreHeard) {
    const std::string service = ipc::own_service();
    Inbox inbox(kEvents);
    const Programs programs({.service = service,
                             .trust = ipc::Trust::of_this_process({}),
                             .welcome = {.program = "pgpool-watchdog", .member = "m1"},
                             .limits = {}},
                            inbox);
    ipc::PeerProcess other("client", service);
    other.expect("up ");
    ipc::PeerProcess flood("client", service);
    flood.expect("up ");
    const TimePoint patience = SteadyClock::now() + ipc::kPatience;
    bool is_down = false;
    while (!is_down && SteadyClock::now() < patience) {  // where the hub is slow not all of it is sent
        for (std::size_t i = 0; i < 100; ++i) flood.tell("event flood");
        is_down = flood.comes("down ", milliseconds(50));
    }
    ASSERT_TRUE(is_down);
    other.tell("event genuine");
    other.expect("sent");

    std::map<std::string, std::size_t> lines;
    std::string reason;
    const TimePoint end = SteadyClock::now() + ipc::kPatience;
    while ((lines["genuine"] == 0 || reason.empty()) && SteadyClock::now() < end) {
        std::this_thread::sleep_for(milliseconds(5));
        for (const Event& event : inbox.take()) {
            if (const auto* gone = std::get_if<event::ClientGone>(&event)) reason = gone->reason;
            const auto* said = std::get_if<event::ClientSaid>(&event);
            const auto* line = said != nullptr ? std::get_if<bus::Event>(&said->message) : nullptr;
            if (line != nullptr && (line->line == "genuine" || reason.empty())) ++lines[line->line];
        }
    }
    EXPECT_EQ(lines["genuine"], 1U);
    EXPECT_EQ(lines["flood"], Programs::kUnread);
    EXPECT_EQ(reason, "it says more than is read: 1024 messages wait");
}

}  // namespace
}  // namespace pgpool::watchdog
