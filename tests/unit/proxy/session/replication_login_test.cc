// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/replication_login.h"

#include <gtest/gtest.h>

#include "common/wire/encoder.h"
#include "common/wire/error_fields.h"
#include "common/wire/startup.h"

namespace pgpool::session {
namespace {

using State = ServerLogin::State;

constexpr CancelKey kTold{11, 12};

ReplicationLogin login(ServerLogin::Parameters startup = {{"user", "amy"}}) {
    return {ServerLogin({"amy", std::nullopt, std::nullopt, std::nullopt}, {}, std::move(startup)), kTold};
}

// Gives it all messages; the state after the last.
State play(ReplicationLogin& login, const std::string& bytes) {
    State state = State::Running;
    std::string send;
    for (std::size_t at = 0; at < bytes.size();) {
        const wire::Frame frame = wire::next_frame(ByteView(bytes).substr(at)).frame;
        at += frame.bytes.size();
        state = login.on_frame(frame, send);
    }
    EXPECT_EQ(send, "");
    return state;
}

TEST(ReplicationLogin, SendsTheStartupOfTheClientAsItCame) {
    const ServerLogin::Parameters startup{
        {"user", "amy"}, {"replication", "database"}, {"options", "-c a=b"}, {"database", "app"}};
    std::string expected;
    wire::append_startup(expected, startup);
    EXPECT_EQ(login(startup).startup_packet(), expected);
}

TEST(ReplicationLogin, PassesOnAllButTheAuthenticationAndTheKey) {
    std::string first;
    wire::append_frame(first, wire::backend::kAuthentication, ByteView("\0\0\0\0", 4));
    std::string parameters;
    wire::append_parameter_status(parameters, "server_version", "15.1");
    wire::append_notice(parameters, {.severity = wire::Severity::Warning,
                                     .sqlstate = SqlState("01000"),
                                     .message = "collation version mismatch"});
    std::string key_of_node;
    wire::append_backend_key_data(key_of_node, 4242, 99);
    std::string ready;
    wire::append_ready_for_query(ready, wire::TransactionStatus::Idle);

    ReplicationLogin login = session::login();
    EXPECT_EQ(play(login, first + parameters + key_of_node), State::Running);
    EXPECT_EQ(play(login, ready), State::Ready);
    std::string key_of_ours;
    wire::append_backend_key_data(key_of_ours, kTold.pid, kTold.secret);
    EXPECT_EQ(login.welcome(), parameters + key_of_ours + ready);
    EXPECT_EQ(login.key_of_node().pid, 4242U);
    EXPECT_EQ(login.key_of_node().secret, 99U);
}

TEST(ReplicationLogin, KeepsWhatTheNodeRefusesWith) {
    std::string error;
    wire::append_error(error, {.severity = wire::Severity::Fatal,
                               .sqlstate = sqlstate::kTooManyConnections,
                               .message = "no walsender left"});
    ReplicationLogin login = session::login();
    EXPECT_EQ(play(login, error), State::Refused);
    EXPECT_EQ(wire::read_error_fields(login.refusal()).message, "no walsender left");
}

}  // namespace
}  // namespace pgpool::session
