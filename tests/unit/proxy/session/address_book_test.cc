// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/address_book.h"

#include <gtest/gtest.h>

#include <map>

namespace pgpool::session {
namespace {

// Finds what the name server "says" of a name.
class AddressBookTest : public testing::Test {
protected:
    static std::vector<net::Address> addresses(const std::vector<const char*>& numeric) {
        std::vector<net::Address> found;
        for (const char* host : numeric) found.push_back(net::resolve(host, 5432).value().front());
        return found;
    }
    static std::vector<config::Node> nodes(const std::vector<const char*>& hosts) {
        std::vector<config::Node> nodes;
        for (const char* host : hosts) nodes.emplace_back().host = host;
        return nodes;
    }
    [[nodiscard]] std::string found(const char* host) const {
        const auto address = book.find(host, 5432);
        return address ? address->host() : "";
    }

    std::map<std::string, std::vector<net::Address>> says;
    AddressBook book{[this](const config::Node& node, TimePoint) { return says[node.host]; }};
};

TEST_F(AddressBookTest, ANameThatDoesNotResolveKeepsAllItsAddresses) {
    says["db"] = addresses({"10.0.0.1", "10.0.0.2", "10.0.0.3"});
    book.refresh(nodes({"db"}));
    says["db"] = {};
    book.refresh(nodes({"db"}));
    for (const char* next : {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.1"}) {
        EXPECT_EQ(found("db"), next);
        book.distrust(*book.find("db", 5432));
    }
}

TEST_F(AddressBookTest, TheOneInUseStaysFirstWhileItIsThere) {
    says["db"] = addresses({"10.0.0.1", "10.0.0.2"});
    book.refresh(nodes({"db"}));
    book.distrust(says["db"].front());
    book.refresh(nodes({"db"}));
    EXPECT_EQ(found("db"), "10.0.0.2");
    says["db"] = addresses({"10.0.0.1", "10.0.0.3"});
    book.refresh(nodes({"db"}));
    EXPECT_EQ(found("db"), "10.0.0.1");
}

TEST_F(AddressBookTest, NodesThatAreRemovedAreForgotten) {
    says["one"] = addresses({"10.0.0.1"});
    book.refresh(nodes({"one", "unknown"}));
    EXPECT_EQ(found("one"), "10.0.0.1");
    EXPECT_EQ(found("unknown"), "");
    book.refresh(nodes({"unknown"}));
    EXPECT_EQ(found("one"), "");
}

}  // namespace
}  // namespace pgpool::session
