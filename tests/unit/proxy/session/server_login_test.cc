// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/server_login.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/wire/encoder.h"
#include "common/wire/error_fields.h"
#include "common/wire/startup.h"
#include "proxy/auth/frontend_auth.h"
#include "tests/unit/proxy/auth/fixtures.h"

namespace pgpool::session {
namespace {

using auth::AuthCode;
using config::AuthMethod;
using State = ServerLogin::State;

ServerLogin login_with(std::optional<std::string> password) {
    return {{"amy", std::move(password), std::nullopt, std::nullopt}, auth::kRandom, {{"user", "amy"}}};
}

// Gives it these messages; the state after the last of them.
State receive(ServerLogin& login, ByteView bytes, std::string& send) {
    State state = State::Running;
    while (!bytes.empty()) {
        const wire::Frame frame = wire::next_frame(bytes).frame;
        state = login.on_frame(frame, send);
        bytes.remove_prefix(frame.bytes.size());
    }
    return state;
}

std::string error(std::string_view message) {
    std::string frame;
    wire::append_error(
        frame,
        {.severity = wire::Severity::Fatal, .sqlstate = sqlstate::kInvalidPassword, .message = message});
    return frame;
}

// What a node sends after AuthenticationOk.
std::string welcome() {
    std::string frames;
    wire::append_parameter_status(frames, "server_version", "15.1");
    wire::append_parameter_status(frames, "TimeZone", "UTC");
    wire::append_backend_key_data(frames, 4242, 0xfedcba98U);
    wire::append_ready_for_query(frames, wire::TransactionStatus::Idle);
    return frames;
}

// A login at a node that authenticates by this method.
State log_in(ServerLogin& login, AuthMethod method, std::string_view verifier) {
    auth::FrontendAuth node(method, "amy", auth::verifier_from(verifier), auth::kRandom);
    auth::AuthStep step = node.start();
    for (;;) {
        std::string answer;
        const State state = receive(login, step.send, answer);
        if (step.state == auth::AuthStep::State::Done) return receive(login, welcome(), answer);
        if (step.state == auth::AuthStep::State::Failed)
            return receive(login, error(step.error.message), answer);
        if (state != State::Running) return state;
        step = node.on_message(auth::bodies(answer, 'p').at(0));
    }
}

TEST(ServerLogin, BeginsWithTheStartupPacketItWasGiven) {
    const ServerLogin::Parameters startup{{"user", "amy"}, {"database", "app"}, {"work_mem", "1MB"}};
    const ServerLogin login({"amy", std::nullopt, std::nullopt, std::nullopt}, auth::kRandom, startup);
    std::string expected;
    wire::append_startup(expected, startup);
    EXPECT_EQ(login.startup_packet(), expected);
}

TEST(ServerLogin, EachMethodLetsInWhoHasTheRightPassword) {
    for (const AuthMethod method :
         {AuthMethod::Trust, AuthMethod::Password, AuthMethod::Md5, AuthMethod::ScramSha256}) {
        SCOPED_TRACE(static_cast<int>(method));
        ServerLogin right = login_with("plain");
        EXPECT_EQ(log_in(right, method, "plain"), State::Ready);
        EXPECT_EQ(right.refusal(), "");
        if (method == AuthMethod::Trust) continue;
        ServerLogin wrong = login_with("not it");
        EXPECT_EQ(log_in(wrong, method, "plain"), State::Refused);
        EXPECT_EQ(wire::read_error_fields(wrong.refusal()).message,
                  "password authentication failed for user \"amy\"");
    }
}

TEST(ServerLogin, KeepsWhatTheNodeReports) {
    ServerLogin login = login_with(std::nullopt);
    EXPECT_EQ(log_in(login, AuthMethod::Trust, "plain"), State::Ready);
    EXPECT_EQ(login.parameters(), (ServerLogin::Parameters{{"server_version", "15.1"}, {"TimeZone", "UTC"}}));
    EXPECT_EQ(login.pid(), 4242U);
    EXPECT_EQ(login.secret(), 0xfedcba98U);
}

TEST(ServerLogin, IsReadyAtReadyForQueryAndNotBefore) {
    ServerLogin login = login_with(std::nullopt);
    std::string frames = auth::authentication_frame(AuthCode::Ok);
    wire::append_notice(frames, {.severity = wire::Severity::Warning,
                                 .sqlstate = SqlState("01000"),
                                 .message = "collation version mismatch"});
    wire::append_parameter_status(frames, "server_version", "15.1");
    wire::append_backend_key_data(frames, 1, 2);
    std::string send;
    EXPECT_EQ(receive(login, frames, send), State::Running);
    std::string ready;
    wire::append_ready_for_query(ready, wire::TransactionStatus::Idle);
    EXPECT_EQ(receive(login, ready, send), State::Ready);
    EXPECT_EQ(send, "");
}

TEST(ServerLogin, KeepsTheBodyOfTheErrorThatRefusesIt) {
    const std::string refusal = error("no room");
    for (const std::string& before : {std::string(), auth::authentication_frame(AuthCode::Ok)}) {
        ServerLogin login = login_with("plain");
        std::string send;
        EXPECT_EQ(receive(login, before + refusal, send), State::Refused);
        EXPECT_EQ(login.refusal(), refusal.substr(wire::kFrameHeader));
    }
}

TEST(ServerLogin, WhatItCannotAnswerIsAFatalErrorThatNamesIt) {
    struct Case {
        AuthCode asked;
        std::optional<std::string> password;
        std::string_view part;
    };
    const Case cases[] = {
        {AuthCode::Gss, "plain", "asks for GSSAPI"},
        {AuthCode::Sspi, "plain", "asks for SSPI"},
        {AuthCode::KerberosV5, "plain", "asks for authentication method 2"},
        {AuthCode::CleartextPassword, std::nullopt, "asks for the clear password"},
    };
    for (const Case& c : cases) {
        ServerLogin login = login_with(c.password);
        std::string send;
        EXPECT_EQ(receive(login, auth::authentication_frame(c.asked), send), State::Refused);
        EXPECT_EQ(send, "");
        const wire::ErrorFields fields = wire::read_error_fields(login.refusal());
        EXPECT_TRUE(fields.fatal());
        EXPECT_EQ(fields.sqlstate, "28P01");
        EXPECT_THAT(std::string(fields.message), ::testing::HasSubstr(c.part));
    }
}

// A node that is to be proven genuine by SCRAM must not get around it.
TEST(ServerLogin, ANodeThatLeavesOutTheAuthenticationIsRefused) {
    const std::string offer = auth::authentication_frame(AuthCode::Sasl, {"SCRAM-SHA-256\0\0", 15});
    for (const std::string& before : {std::string(), offer}) {
        ServerLogin login = login_with("plain");
        std::string send;
        EXPECT_EQ(receive(login, before, send), State::Running);
        std::string ready;
        wire::append_ready_for_query(ready, wire::TransactionStatus::Idle);
        EXPECT_EQ(receive(login, ready, send), State::Refused);
        EXPECT_EQ(wire::read_error_fields(login.refusal()).sqlstate, "08P01");
    }
}

}  // namespace
}  // namespace pgpool::session
