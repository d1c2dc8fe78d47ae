// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/client_login.h"

#include <gtest/gtest.h>

namespace pgpool::session {
namespace {

using Step = ClientLogin::Step;

auth::AccessList trusted(const std::vector<std::string>& databases) {
    return auth::AccessList::compile({{databases, {}, "", config::AuthMethod::Trust}}).value();
}

// The outcome of a startup packet of user amy with these parameters.
struct Started {
    ClientLogin login{auth::PeerAddress::local(), {}, "secret"};
    Step step = Step::NeedMore;

    Started(const std::vector<std::pair<std::string, std::string>>& more, const auth::AccessList& access) {
        std::vector<std::pair<std::string, std::string>> parameters{{"user", "amy"}};
        parameters.insert(parameters.end(), more.begin(), more.end());
        std::string packet;
        wire::append_startup(packet, parameters);
        std::string send;
        step = login.on_bytes(packet, access, send).step;
    }
};

TEST(ClientLogin, ReadsReplicationAsPostgresqlDoes) {
    const auto kind = [&](const std::string& value) {
        const Started started({{"replication", value}}, trusted({"replication", "amy"}));
        EXPECT_EQ(started.step, Step::Done) << value;
        return started.login.replication();
    };
    for (const char* value : {"true", "on", "yes", "1", "t", "Y", "TRUE"})
        EXPECT_EQ(kind(value), Replication::Physical) << value;
    for (const char* value : {"false", "off", "no", "0", "of", "N"})
        EXPECT_EQ(kind(value), Replication::None) << value;
    EXPECT_EQ(kind("database"), Replication::Logical);
    for (const char* value : {"maybe", "o", "DATABASE", "2"})
        EXPECT_EQ(Started({{"replication", value}}, trusted({})).step, Step::Refused) << value;
}

TEST(ClientLogin, PhysicalReplicationNeedsARuleThatNamesIt) {
    const std::vector<std::pair<std::string, std::string>> physical{{"replication", "on"},
                                                                    {"database", "app"}};
    EXPECT_EQ(Started(physical, trusted({"replication"})).step, Step::Done);
    EXPECT_EQ(Started(physical, trusted({})).step, Step::Refused);
    EXPECT_EQ(Started(physical, trusted({"app"})).step, Step::Refused);
    const Started refused(physical, trusted({}));
    EXPECT_EQ(refused.login.error().sqlstate, sqlstate::kInvalidAuthorization);
    EXPECT_EQ(refused.login.error().message,
              "no access rule for replication connection from host \"[local]\", user \"amy\"");
}

TEST(ClientLogin, LogicalReplicationGoesByItsDatabase) {
    const std::vector<std::pair<std::string, std::string>> logical{{"replication", "database"},
                                                                   {"database", "app"}};
    EXPECT_EQ(Started(logical, trusted({"app"})).step, Step::Done);
    EXPECT_EQ(Started(logical, trusted({})).step, Step::Done);
    EXPECT_EQ(Started(logical, trusted({"replication"})).step, Step::Refused);
}

TEST(ClientLogin, KeepsTheStartupPacketAsItCame) {
    const Started started({{"replication", "database"}, {"options", "-c work_mem=1MB"}, {"database", "app"}},
                          trusted({}));
    const std::vector<std::pair<std::string, std::string>> expected{
        {"user", "amy"}, {"replication", "database"}, {"options", "-c work_mem=1MB"}, {"database", "app"}};
    EXPECT_EQ(started.login.startup(), expected);
}

}  // namespace
}  // namespace pgpool::session
