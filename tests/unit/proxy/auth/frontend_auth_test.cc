// SPDX-License-Identifier: PostgreSQL
#include "proxy/auth/frontend_auth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/auth/backend_auth.h"
#include "proxy/auth/hashes.h"
#include "tests/unit/proxy/auth/fixtures.h"

namespace pgpool::auth {
namespace {

using config::AuthMethod;
using State = AuthStep::State;

constexpr std::string_view kMockSecret = "a secret of the process";

FrontendAuth auth(AuthMethod method, std::string user, std::optional<Verifier> verifier,
                  std::string_view mock_secret = kMockSecret) {
    return {method, std::move(user), std::move(verifier), kRandom, mock_secret};
}

// Lets our own client log in; gives the last step of the server.
AuthStep log_in(FrontendAuth& server, const Credentials& credentials) {
    BackendAuth client(credentials, kRandom);
    AuthStep step = server.start();
    for (;;) {
        std::string answer;
        for (const std::string& body : bodies(step.send, 'R')) {
            const AuthStep reply = client.on_authentication(body);
            EXPECT_NE(reply.state, State::Failed) << reply.error.message;
            if (reply.state == State::Failed) return step;
            answer += reply.send;
        }
        if (step.state != State::Continue) return step;
        step = server.on_message(bodies(answer, 'p').at(0));
    }
}

Credentials with_password(std::string user, std::string password) {
    return {std::move(user), std::move(password), std::nullopt, std::nullopt};
}

void expect_failed(const AuthStep& step, SqlState state, std::string_view message) {
    EXPECT_EQ(step.state, State::Failed);
    EXPECT_EQ(step.send, "");
    EXPECT_EQ(step.error.message, message);
    EXPECT_EQ(step.error.sqlstate, state) << step.error.sqlstate.view();
}

void expect_wrong_password(const AuthStep& step, const std::string& user) {
    expect_failed(step, sqlstate::kInvalidPassword,
                  "password authentication failed for user \"" + user + "\"");
}

struct Case {
    AuthMethod method;
    std::string_view verifier;  // empty: the user is unknown
    std::string_view user;
    std::string_view password;
    AuthCode asked;
};

const Case kCases[] = {
    {AuthMethod::Password, kPencilVerifier, "u_scram", "pencil", AuthCode::CleartextPassword},
    {AuthMethod::Password, kGeheimMd5, "u_md5", "geheim", AuthCode::CleartextPassword},
    {AuthMethod::Password, "plain", "u", "plain", AuthCode::CleartextPassword},
    {AuthMethod::Md5, kPencilVerifier, "u_scram", "pencil", AuthCode::Sasl},
    {AuthMethod::Md5, kGeheimMd5, "u_md5", "geheim", AuthCode::Md5Password},
    {AuthMethod::Md5, "plain", "u", "plain", AuthCode::Md5Password},
    {AuthMethod::ScramSha256, kPencilVerifier, "u_scram", "pencil", AuthCode::Sasl},
    {AuthMethod::ScramSha256, "plain", "u", "plain", AuthCode::Sasl},
};

TEST(FrontendAuth, EachMethodWithEachVerifierAcceptsTheRightPasswordOnly) {
    for (const Case& c : kCases) {
        SCOPED_TRACE(std::string(c.user) + " by method " + std::to_string(static_cast<int>(c.method)));
        const std::string user(c.user);
        FrontendAuth right = auth(c.method, user, verifier_from(c.verifier));
        const AuthStep done = log_in(right, with_password(user, std::string(c.password)));
        EXPECT_EQ(done.state, State::Done) << done.error.message;
        EXPECT_EQ(bodies(done.send, 'R').back(), code_and(AuthCode::Ok));

        FrontendAuth wrong = auth(c.method, user, verifier_from(c.verifier));
        expect_wrong_password(log_in(wrong, with_password(user, "not it")), user);

        FrontendAuth asking = auth(c.method, user, verifier_from(c.verifier));
        EXPECT_EQ(load_be32(bodies(asking.start().send, 'R').at(0).data()),
                  static_cast<std::uint32_t>(c.asked));
    }
}

TEST(FrontendAuth, TrustIsDoneAtOnceWithWhatTheVerifierTells) {
    FrontendAuth plain = auth(AuthMethod::Trust, "u", verifier_from("plain"));
    const AuthStep step = plain.start();
    EXPECT_EQ(step.state, State::Done);
    EXPECT_EQ(step.send, authentication_frame(AuthCode::Ok));
    EXPECT_EQ(plain.credentials().password, "plain");

    FrontendAuth md5 = auth(AuthMethod::Trust, "u", verifier_from(kGeheimMd5));
    EXPECT_EQ(md5.start().state, State::Done);
    EXPECT_EQ(md5.credentials().md5_hash, kGeheimMd5.substr(3));

    FrontendAuth unknown = auth(AuthMethod::Trust, "u", std::nullopt);
    EXPECT_EQ(unknown.start().state, State::Done);
    EXPECT_EQ(unknown.credentials().user, "u");
    EXPECT_FALSE(unknown.credentials().password || unknown.credentials().scram ||
                 unknown.credentials().md5_hash);
}

TEST(FrontendAuth, RejectFailsAtOnce) {
    FrontendAuth server = auth(AuthMethod::Reject, "u", verifier_from("plain"));
    expect_failed(server.start(), sqlstate::kInvalidAuthorization, "the access rules reject user \"u\"");
}

TEST(FrontendAuth, CredentialsAreWhatTheExchangeShowed) {
    FrontendAuth scram = auth(AuthMethod::ScramSha256, "u_scram", verifier_from(kPencilVerifier));
    ASSERT_EQ(log_in(scram, with_password("u_scram", "pencil")).state, State::Done);
    EXPECT_FALSE(scram.credentials().password);
    EXPECT_TRUE(scram.credentials().scram);

    FrontendAuth md5 = auth(AuthMethod::Md5, "u_md5", verifier_from(kGeheimMd5));
    ASSERT_EQ(log_in(md5, with_password("u_md5", "geheim")).state, State::Done);
    EXPECT_FALSE(md5.credentials().password);
    EXPECT_EQ(md5.credentials().md5_hash, kGeheimMd5.substr(3));

    FrontendAuth clear = auth(AuthMethod::Password, "u_scram", verifier_from(kPencilVerifier));
    ASSERT_EQ(log_in(clear, with_password("u_scram", "pencil")).state, State::Done);
    EXPECT_EQ(clear.credentials().password, "pencil");
}

TEST(FrontendAuth, ScramPassesThroughToANodeWithTheSameVerifier) {
    FrontendAuth proxy = auth(AuthMethod::ScramSha256, "u_scram", verifier_from(kPencilVerifier));
    ASSERT_EQ(log_in(proxy, with_password("u_scram", "pencil")).state, State::Done);
    FrontendAuth node = auth(AuthMethod::ScramSha256, "u_scram", verifier_from(kPencilVerifier));
    EXPECT_EQ(log_in(node, proxy.credentials()).state, State::Done);
}

TEST(FrontendAuth, UnknownUsersAndUnfitVerifiersFailLikeAWrongPassword) {
    for (const AuthMethod method : {AuthMethod::Password, AuthMethod::Md5, AuthMethod::ScramSha256}) {
        FrontendAuth server = auth(method, "ghost", std::nullopt);
        expect_wrong_password(log_in(server, with_password("ghost", "boo")), "ghost");
        EXPECT_EQ(server.why_refused(), "no such user, or one without a password");
    }
    FrontendAuth md5_by_scram = auth(AuthMethod::ScramSha256, "u_md5", verifier_from(kGeheimMd5));
    expect_wrong_password(log_in(md5_by_scram, with_password("u_md5", "geheim")), "u_md5");
    EXPECT_EQ(md5_by_scram.why_refused(), "an MD5 verifier cannot serve scram-sha-256");
    FrontendAuth scram = auth(AuthMethod::ScramSha256, "u_scram", verifier_from(kPencilVerifier));
    expect_wrong_password(log_in(scram, with_password("u_scram", "crayon")), "u_scram");
    EXPECT_EQ(scram.why_refused(), "wrong password");
}

std::string server_first(std::optional<Verifier> verifier, std::string user, std::string_view mock_secret,
                         const std::array<char, 16>& random) {
    FrontendAuth server(AuthMethod::ScramSha256, std::move(user), std::move(verifier), random, mock_secret);
    EXPECT_EQ(server.start().state, State::Continue);
    return bodies(server.on_message(sasl_initial("n,,n=,r=abc")).send, 'R').at(0);
}

std::string salt_in(const std::string& server_first) {
    const std::size_t at = server_first.find(",s=") + 3;
    return server_first.substr(at, server_first.find(",i=") - at);
}

TEST(FrontendAuth, TheMockSaltIsStablePerUserAndHidesWhoExists) {
    std::array<char, 16> other_random = kRandom;
    other_random[0] = 99;
    const std::string ghost = server_first(std::nullopt, "ghost", kMockSecret, kRandom);
    const std::string again = server_first(std::nullopt, "ghost", kMockSecret, other_random);
    EXPECT_NE(ghost, again);  // the nonce
    EXPECT_EQ(salt_in(ghost), salt_in(again));
    EXPECT_EQ(base64_decode(salt_in(ghost))->size(), 16U);
    EXPECT_NE(salt_in(ghost), salt_in(server_first(std::nullopt, "other", kMockSecret, kRandom)));
    EXPECT_NE(salt_in(ghost), salt_in(server_first(std::nullopt, "ghost", "another secret", kRandom)));
    EXPECT_EQ(ghost, server_first(verifier_from("plain"), "ghost", kMockSecret, kRandom));
}

TEST(FrontendAuth, AsksForClientFirstWhenItDidNotComeWithTheMechanism) {
    FrontendAuth server = auth(AuthMethod::ScramSha256, "u", verifier_from("plain"));
    EXPECT_EQ(server.start().send,
              authentication_frame(AuthCode::Sasl, std::string_view("SCRAM-SHA-256\0\0", 15)));
    const AuthStep empty = server.on_message(with_zero("SCRAM-SHA-256") + "\xff\xff\xff\xff");
    EXPECT_EQ(empty.state, State::Continue);
    EXPECT_EQ(empty.send, authentication_frame(AuthCode::SaslContinue));
    const AuthStep first = server.on_message("n,,n=,r=abc");
    EXPECT_EQ(first.state, State::Continue);
    EXPECT_THAT(bodies(first.send, 'R').at(0),
                ::testing::StartsWith(code_and(AuthCode::SaslContinue, "r=abc")));
}

AuthStep answer_to(AuthMethod method, std::string_view body) {
    FrontendAuth server = auth(method, "u", verifier_from("plain"));
    EXPECT_EQ(server.start().state, State::Continue);
    return server.on_message(body);
}

TEST(FrontendAuth, RefusesMalformedPasswordMessages) {
    for (const AuthMethod method : {AuthMethod::Password, AuthMethod::Md5}) {
        for (const std::string_view body :
             {std::string_view(""), std::string_view("plain"), std::string_view("a\0b\0", 4)}) {
            expect_failed(answer_to(method, body), sqlstate::kProtocolViolation,
                          "invalid password packet size");
        }
        expect_failed(answer_to(method, with_zero("")), sqlstate::kInvalidPassword,
                      "empty password returned by client");
    }
}

TEST(FrontendAuth, RefusesMalformedSaslInitialResponses) {
    const auto answer = [](std::string_view body) { return answer_to(AuthMethod::ScramSha256, body); };
    const auto invalid_format = [](const AuthStep& step) {
        expect_failed(step, sqlstate::kProtocolViolation, "invalid message format");
    };
    const std::string good = sasl_initial("n,,n=,r=abc");
    EXPECT_EQ(answer(good).state, State::Continue);
    for (const std::string_view mechanism : {"SCRAM-SHA-256-PLUS", "PLAIN", ""}) {
        expect_failed(answer(sasl_initial("n,,n=,r=abc", mechanism)), sqlstate::kProtocolViolation,
                      "client selected an invalid SASL authentication mechanism");
    }
    invalid_format(answer(good + "x"));
    for (std::size_t size = 0; size < good.size(); ++size) invalid_format(answer(good.substr(0, size)));
    expect_failed(answer(sasl_initial("")), sqlstate::kProtocolViolation,
                  "malformed SCRAM message (the message is empty)");
}

TEST(FrontendAuth, AcceptsNothingAfterTheEnd) {
    FrontendAuth done = auth(AuthMethod::Trust, "u", std::nullopt);
    ASSERT_EQ(done.start().state, State::Done);
    expect_failed(done.on_message(with_zero("x")), sqlstate::kProtocolViolation,
                  "unexpected password message");

    FrontendAuth failed = auth(AuthMethod::Password, "u", verifier_from("plain"));
    ASSERT_EQ(failed.start().state, State::Continue);
    expect_wrong_password(failed.on_message(with_zero("x")), "u");
    expect_failed(failed.on_message(with_zero("plain")), sqlstate::kProtocolViolation,
                  "unexpected password message");
}

}  // namespace
}  // namespace pgpool::auth
