// SPDX-License-Identifier: PostgreSQL
#include "vip/clients_file.h"

#include <gtest/gtest.h>

namespace pgpool::vip {
namespace {

TEST(ClientsFile, IsReadAsItIsPrinted) {
    const auto clients =
        parse_clients("10.0.0.100:5432 10.0.0.9:40000\n\n# a comment\n[fd00::1]:1 [fd00::2]:2  # IPv6");
    ASSERT_TRUE(clients.has_value()) << clients.error().message;
    ASSERT_EQ(clients->size(), 2U);
    EXPECT_EQ(clients->at(0).own.text(), "10.0.0.100:5432");
    EXPECT_EQ(clients->at(0).client.text(), "10.0.0.9:40000");
    EXPECT_EQ(clients->at(1).client.text(), "[fd00::2]:2");
    EXPECT_TRUE(parse_clients("")->empty());
}

TEST(ClientsFile, TellsTheLineThatIsWrong) {
    EXPECT_EQ(parse_clients("\n10.0.0.1:1").error().message, "line 2: two ends of a connection are expected");
    EXPECT_EQ(parse_clients("10.0.0.1:1 [fd00::1]:1\n").error().message, "line 1: IPv4 and IPv6 are mixed");
    EXPECT_EQ(parse_clients("10.0.0.1:1 10.0.0.2").error().message,
              "line 1: \"10.0.0.2\" is not an address with a port, such as 10.0.0.1:5432 or [fd00::1]:5432");
}

}  // namespace
}  // namespace pgpool::vip
