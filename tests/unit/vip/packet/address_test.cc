// SPDX-License-Identifier: PostgreSQL
#include <gtest/gtest.h>

#include "vip/packet/mac_address.h"
#include "vip/packet/virtual_address.h"

namespace pgpool::vip {
namespace {

TEST(IpAddress, ReadsAndWritesBothFamilies) {
    for (const std::string text : {"10.0.0.100", "0.0.0.0", "fd00::100", "::", "fe80::1"}) {
        const auto address = IpAddress::parse(text);
        ASSERT_TRUE(address.has_value()) << text;
        EXPECT_EQ(address->text(), text);
        EXPECT_EQ(address->is_v6(), text.find(':') != std::string::npos);
        EXPECT_EQ(IpAddress::from_bytes(address->bytes()), *address);
    }
}

TEST(IpAddress, RefusesWhatIsNone) {
    for (const std::string_view text :
         {"", "10.0.0", "10.0.0.256", "010.0.0.1", "host", "fd00:::1", "10.0.0.1 "}) {
        const auto address = IpAddress::parse(text);
        ASSERT_FALSE(address.has_value()) << text;
        EXPECT_EQ(address.error().message, "\"" + std::string(text) + "\" is not an IPv4 or IPv6 address");
    }
}

TEST(IpAddress, Ipv4InsideOfIpv6IsIpv4) {
    EXPECT_EQ(IpAddress::parse("::ffff:10.0.0.1")->text(), "10.0.0.1");
    EXPECT_EQ(IpAddress::parse("::ffff:10.0.0.1")->family(), Family::V4);
}

TEST(Endpoint, ReadsAndWrites) {
    for (const std::string text : {"10.0.0.1:5432", "[fd00::1]:65535"}) {
        const auto endpoint = Endpoint::parse(text);
        ASSERT_TRUE(endpoint.has_value()) << text;
        EXPECT_EQ(endpoint->text(), text);
    }
    for (const std::string_view text : {"10.0.0.1", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536",
                                        "fd00::1:5432", "[10.0.0.1]:5", ":5", "[]:5"})
        EXPECT_FALSE(Endpoint::parse(text).has_value()) << text;
}

TEST(MacAddress, WritesTwoDigitsForEachByte) {
    EXPECT_EQ(MacAddress::from_bytes(ByteView("\x02\x00\x0a\xff\x00\x01", 6)).text(), "02:00:0a:ff:00:01");
    EXPECT_EQ(MacAddress::broadcast().text(), "ff:ff:ff:ff:ff:ff");
}

TEST(VirtualAddress, HasNoPrefixButItsOwn) {
    EXPECT_EQ(VirtualAddress::make("10.0.0.100", "eth0")->text(), "10.0.0.100/32@eth0");
    EXPECT_EQ(VirtualAddress::make("10.0.0.100/32", "eth0")->text(), "10.0.0.100/32@eth0");
    EXPECT_EQ(VirtualAddress::make("fd00::100/128", "bond0.7")->text(), "fd00::100/128@bond0.7");
}

TEST(VirtualAddress, SaysWhatIsWrong) {
    const auto message = [](std::string_view address, std::string_view interface) {
        const auto made = VirtualAddress::make(address, interface);
        return made ? "no error" : made.error().message;
    };
    EXPECT_EQ(message("10.0.0.100/24", "eth0"), "\"10.0.0.100/24\": a virtual address has no prefix but /32");
    EXPECT_EQ(message("fd00::1/64", "eth0"), "\"fd00::1/64\": a virtual address has no prefix but /128");
    EXPECT_EQ(message("10.0.0.100/", "eth0"), "\"10.0.0.100/\": a virtual address has no prefix but /32");
    EXPECT_EQ(message("vip", "eth0"), "\"vip\" is not an IPv4 or IPv6 address");
    for (const std::string_view address :
         {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "::", "::1", "ff02::1"})
        EXPECT_EQ(message(address, "eth0"), "\"" + std::string(address) + "\" is no address of a host");
    for (const std::string_view interface : {"", "an-interface-too-long", "a b", "a/b", "eth0:1", ".", ".."})
        EXPECT_EQ(message("10.0.0.1", interface),
                  "\"" + std::string(interface) + "\" is no name of an interface");
}

TEST(VirtualAddress, OfTheConfigurationTellWhichIsWrong) {
    config::Vip vip;
    vip.addresses = {{"10.0.0.100", "eth0"}, {"fd00::100", "eth1"}};
    EXPECT_EQ(virtual_addresses(vip)->at(1).text(), "fd00::100/128@eth1");
    vip.addresses[1].interface = "a/b";
    EXPECT_EQ(virtual_addresses(vip).error().message, "vip.addresses[1]: \"a/b\" is no name of an interface");
}

}  // namespace
}  // namespace pgpool::vip
