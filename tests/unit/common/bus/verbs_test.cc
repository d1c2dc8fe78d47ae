// SPDX-License-Identifier: PostgreSQL
#include "common/bus/verbs.h"

#include <gtest/gtest.h>

namespace pgpool::bus {
namespace {

Result<Request> parse(std::string verb, std::vector<std::string> words) {
    return request_of({.id = 1, .verb = std::move(verb), .arguments = std::move(words)});
}

TEST(Verbs, WhatIsAskedArrives) {
    const std::vector<Request> all = {
        request::Status{},
        request::Why{7},
        request::Log{},
        request::Promote{"b", false},
        request::Promote{"", true},
        request::Switchover{},
        request::Switchover{"b"},
        request::Attach{"b"},
        request::Detach{"b", ""},
        request::Detach{"b", "its disk is slow"},
        request::Maintenance{},
        request::Maintenance{seconds(600), "kernel"},
        request::Pause{},
        request::Pause{seconds(30), "minor upgrade"},
        request::Lease{request::Lease::Verb::Release},
        request::Lease{request::Lease::Verb::Force},
        request::MoveVip{},
        request::MoveVip{"m2"},
        request::Reload{},
    };
    for (const Request& request : all) {
        const Command command = command_of(request, 42);
        EXPECT_EQ(command.id, 42U);
        const auto back = request_of(command);
        ASSERT_TRUE(back) << command.verb << ": " << back.error().message;
        EXPECT_EQ(*back, request) << command.verb;
    }
}

TEST(Verbs, AnUnknownOneIsToldWhatThereIs) {
    const auto none = parse("reboot", {});
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().message, "no command \"reboot\"");
    EXPECT_EQ(
        none.error().hint,
        "there are: status, why, log, promote, switchover, attach, detach, maintenance, pause, lease, vip, "
        "reload");
}

TEST(Verbs, WrongArgumentsAreToldWhatItTakes) {
    EXPECT_EQ(parse("promote", {}).error().hint, "it takes NODE [force]");
    EXPECT_FALSE(parse("promote", {"b", "now"}));
    EXPECT_FALSE(parse("why", {"many"}));
    EXPECT_FALSE(parse("status", {"x"}));
    EXPECT_FALSE(parse("attach", {"a", "b"}));
    EXPECT_FALSE(parse("lease", {"take"}));
    EXPECT_FALSE(parse("vip", {"drop"}));
}

TEST(Verbs, MaintenanceHasAnEndAndAReason) {
    EXPECT_TRUE(parse("maintenance", {"on", "604800", "x"}));
    EXPECT_FALSE(parse("maintenance", {"on", "604801", "x"}));
    EXPECT_FALSE(parse("maintenance", {"on", "0", "x"}));
    EXPECT_FALSE(parse("maintenance", {"on", "60"}));
    EXPECT_FALSE(parse("maintenance", {"on", "60", ""}));
    EXPECT_FALSE(parse("maintenance", {"off", "60"}));
}

TEST(Verbs, APauseLastsAnHourAtMost) {
    EXPECT_TRUE(parse("pause", {"on", "3600", "x"}));
    EXPECT_FALSE(parse("pause", {"on", "3601", "x"}));
    EXPECT_FALSE(parse("pause", {"on", "60", ""}));
    EXPECT_FALSE(parse("pause", {}));
}

TEST(Verbs, LooksAreForEveryMember) {
    EXPECT_TRUE(is_for_any_member(request::Status{}));
    EXPECT_TRUE(is_for_any_member(request::Why{}));
    EXPECT_TRUE(is_for_any_member(request::Log{}));
    EXPECT_TRUE(is_for_any_member(request::Reload{}));
    EXPECT_FALSE(is_for_any_member(request::Promote{}));
    EXPECT_FALSE(is_for_any_member(request::MoveVip{}));
}

}  // namespace
}  // namespace pgpool::bus
