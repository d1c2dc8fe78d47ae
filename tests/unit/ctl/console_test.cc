// SPDX-License-Identifier: PostgreSQL
#include "ctl/console.h"

#include <gtest/gtest.h>

namespace pgpool::ctl {
namespace {

using Hosts = std::vector<std::string>;

Hosts hosts(Hosts addresses, std::string directory = "") {
    config::Listen listen;
    listen.addresses = std::move(addresses);
    listen.unix_socket_directory = std::move(directory);
    return console_hosts(listen);
}

TEST(ConsoleHosts, AddressesInTheirOrder) {
    EXPECT_EQ(hosts({"10.0.0.1", "db.example"}), (Hosts{"10.0.0.1", "db.example"}));
}

TEST(ConsoleHosts, WildcardsAreTheLoopback) {
    EXPECT_EQ(hosts({"*"}), Hosts{"127.0.0.1"});
    EXPECT_EQ(hosts({"0.0.0.0", "::"}), (Hosts{"127.0.0.1", "::1"}));
}

TEST(ConsoleHosts, TheUnixSocketIsFirst) {
    EXPECT_EQ(hosts({"*"}, "/run/pgpool"), (Hosts{"/run/pgpool", "127.0.0.1"}));
    EXPECT_EQ(hosts({}, "/run/pgpool"), Hosts{"/run/pgpool"});
}

}  // namespace
}  // namespace pgpool::ctl
