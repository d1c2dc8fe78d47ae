// SPDX-License-Identifier: PostgreSQL
#include "common/ipc/member_bus.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

namespace pgpool::ipc {
namespace {

config::Watchdog member(const std::string& name) {
    config::Watchdog watchdog;
    watchdog.name = name;
    watchdog.group = "root";
    return watchdog;
}

TEST(MemberBus, IsThatOfTheNamedMember) {
    EXPECT_EQ(bus_of(member("m1"))->service, "pgpool-bus.m1");
    EXPECT_EQ(bus_of(member("m1"))->trust.group, gid_t{0});
    EXPECT_NE(bus_of(member("m2"))->service, bus_of(member("m1"))->service);
}

TEST(MemberBus, AMemberWithoutANameHasTheHosts) {
    std::array<char, 256> host{};
    ASSERT_EQ(::gethostname(host.data(), host.size() - 1), 0);
    EXPECT_EQ(member_name(member("")), host.data());
}

TEST(MemberBus, SaysWhatIsWrong) {
    EXPECT_EQ(bus_of(member("a b")).error().message.substr(0, 28), "watchdog.name: instance 'a b");
    config::Watchdog watchdog = member("m1");
    watchdog.group = "no-such-group";
    EXPECT_EQ(bus_of(watchdog).error().message, "watchdog.group: there is no group \"no-such-group\"");
}

}  // namespace
}  // namespace pgpool::ipc
