// SPDX-License-Identifier: PostgreSQL
#include "proxy/auth/backend_auth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/auth/hashes.h"
#include "proxy/auth/scram_keys.h"
#include "proxy/auth/scram_server.h"
#include "tests/unit/proxy/auth/fixtures.h"

namespace pgpool::auth {
namespace {

using ::testing::HasSubstr;
using State = AuthStep::State;

const std::string kScramOffer("SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0", 34);

Credentials nothing() {
    return {"amy", std::nullopt, std::nullopt, std::nullopt};
}
Credentials password() {
    return {"amy", "pencil", std::nullopt, std::nullopt};
}
Credentials keys() {
    return {"amy", std::nullopt, derive_keys("pencil", "salt", 2), std::nullopt};
}
Credentials md5_hash() {
    return {"amy", std::nullopt, std::nullopt, md5_verifier_hash("pencil", "amy").value()};
}

void expect_failed(const AuthStep& step, SqlState state, std::string_view part) {
    EXPECT_EQ(step.state, State::Failed);
    EXPECT_EQ(step.send, "");
    EXPECT_THAT(step.error.message, ::testing::StartsWith("cannot log in at the node as user \"amy\": "));
    EXPECT_THAT(step.error.message, HasSubstr(part));
    EXPECT_EQ(step.error.sqlstate, state) << step.error.sqlstate.view();
}

TEST(BackendAuth, OkAtOnceIsDone) {
    const AuthStep step = BackendAuth(nothing(), kRandom).on_authentication(code_and(AuthCode::Ok));
    EXPECT_EQ(step.state, State::Done);
    EXPECT_EQ(step.send, "");
}

TEST(BackendAuth, GivesTheClearPassword) {
    BackendAuth client(password(), kRandom);
    const AuthStep step = client.on_authentication(code_and(AuthCode::CleartextPassword));
    EXPECT_EQ(step.state, State::Continue);
    EXPECT_EQ(step.send, password_frame(with_zero("pencil")));
    EXPECT_EQ(client.on_authentication(code_and(AuthCode::Ok)).state, State::Done);
}

// The expected text was computed as PG documentation 55.2.1 says: concat('md5',
// md5(concat(md5(concat(password, username)), random-salt))).
TEST(BackendAuth, AnswersMd5FromThePasswordOrItsHash) {
    for (const Credentials& credentials : {password(), md5_hash()}) {
        BackendAuth client(credentials, kRandom);
        const AuthStep step = client.on_authentication(code_and(AuthCode::Md5Password, "SALT"));
        EXPECT_EQ(step.state, State::Continue);
        EXPECT_EQ(step.send, password_frame(with_zero("md5026eac59d932ddb9fa8d651ba885cf15")));
        EXPECT_EQ(client.on_authentication(code_and(AuthCode::Ok)).state, State::Done);
    }
}

// A node that speaks SCRAM, up to and without AuthenticationOk.
AuthStep scram_steps(BackendAuth& client, ScramServer& node) {
    const AuthStep first = client.on_authentication(code_and(AuthCode::Sasl, kScramOffer));
    EXPECT_EQ(first.state, State::Continue) << first.error.message;
    const std::string body = bodies(first.send, 'p').at(0);
    Cursor cursor(body);
    EXPECT_EQ(cursor.c_string(), kScramMechanism);
    const std::uint32_t length = cursor.u32();
    EXPECT_EQ(length, cursor.rest().size());
    const std::string server_first = node.client_first(cursor.rest()).value();
    const AuthStep second = client.on_authentication(code_and(AuthCode::SaslContinue, server_first));
    if (second.state != State::Continue) return second;
    const auto success = node.client_final(bodies(second.send, 'p').at(0)).value();
    return client.on_authentication(
        code_and(AuthCode::SaslFinal, success ? success->server_final : "e=invalid-proof"));
}

TEST(BackendAuth, LogsInByScramWithPasswordOrKeys) {
    for (const Credentials& credentials : {password(), keys()}) {
        BackendAuth client(credentials, kRandom);
        ScramServer node(verifier_of(derive_keys("pencil", "salt", 2)), ScramServer::Exchange::Real, "nonce");
        const AuthStep proven = scram_steps(client, node);
        EXPECT_EQ(proven.state, State::Continue) << proven.error.message;
        EXPECT_EQ(proven.send, "");
        EXPECT_EQ(client.on_authentication(code_and(AuthCode::Ok)).state, State::Done);
    }
}

TEST(BackendAuth, SaysWhenTheNodesVerifierDiffers) {
    BackendAuth client(keys(), kRandom);
    ScramServer node(verifier_of(derive_keys("pencil", "other salt", 2)), ScramServer::Exchange::Real,
                     "nonce");
    expect_failed(scram_steps(client, node), sqlstate::kInvalidPassword,
                  "the node's verifier of user \"amy\" differs from the one known here");
}

TEST(BackendAuth, ANodeThatDoesNotKnowTheVerifierIsRefused) {
    ScramVerifier thief = verifier_of(derive_keys("pencil", "salt", 2));
    thief.server_key[0] = static_cast<char>(thief.server_key[0] ^ 1);
    BackendAuth client(password(), kRandom);
    ScramServer node(thief, ScramServer::Exchange::Real, "nonce");
    expect_failed(scram_steps(client, node), sqlstate::kInvalidPassword, "incorrect server signature");
}

TEST(BackendAuth, OkBeforeTheProofIsRefused) {
    BackendAuth early(password(), kRandom);
    ASSERT_EQ(early.on_authentication(code_and(AuthCode::Sasl, kScramOffer)).state, State::Continue);
    expect_failed(early.on_authentication(code_and(AuthCode::Ok)), sqlstate::kInvalidPassword,
                  "without proving");

    BackendAuth late(password(), kRandom);
    const AuthStep first = late.on_authentication(code_and(AuthCode::Sasl, kScramOffer));
    const std::string nonce = first.send.substr(first.send.find("r=") + 2);
    ASSERT_EQ(
        late.on_authentication(code_and(AuthCode::SaslContinue, "r=" + nonce + "x,s=c2FsdA==,i=1")).state,
        State::Continue);
    expect_failed(late.on_authentication(code_and(AuthCode::Ok)), sqlstate::kInvalidPassword,
                  "without proving");
}

TEST(BackendAuth, NamesWhatItCannotAnswer) {
    struct Case {
        Credentials credentials;
        std::string request;
        std::string_view part;
    };
    const std::string plus_only("SCRAM-SHA-256-PLUS\0\0", 20);
    const Case cases[] = {
        {keys(), code_and(AuthCode::CleartextPassword), "asks for the clear password"},
        {md5_hash(), code_and(AuthCode::CleartextPassword), "asks for the clear password"},
        {keys(), code_and(AuthCode::Md5Password, "SALT"), "asks for an MD5 response"},
        {nothing(), code_and(AuthCode::Sasl, kScramOffer), "asks for SCRAM-SHA-256"},
        {md5_hash(), code_and(AuthCode::Sasl, kScramOffer), "asks for SCRAM-SHA-256"},
        {password(), code_and(AuthCode::Sasl, plus_only), "SASL mechanism other than SCRAM-SHA-256"},
        {password(), code_and(AuthCode::Gss), "asks for GSSAPI"},
        {password(), code_and(AuthCode::GssContinue), "asks for GSSAPI"},
        {password(), code_and(AuthCode::Sspi), "asks for SSPI"},
        {password(), code_and(AuthCode::KerberosV5), "asks for authentication method 2"},
        {password(), code_and(AuthCode::ScmCredential), "asks for authentication method 6"},
        {password(), code_and(static_cast<AuthCode>(4711)), "asks for authentication method 4711"},
    };
    for (const Case& c : cases) {
        expect_failed(BackendAuth(c.credentials, kRandom).on_authentication(c.request),
                      sqlstate::kInvalidPassword, c.part);
    }
}

TEST(BackendAuth, RefusesRequestsOutOfOrderOrMalformed) {
    const std::string requests[] = {
        code_and(AuthCode::Ok, "x"),
        code_and(AuthCode::CleartextPassword, "x"),
        code_and(AuthCode::Md5Password, "SAL"),
        code_and(AuthCode::Md5Password, "SALTY"),
        code_and(AuthCode::SaslContinue, "r="),
        code_and(AuthCode::SaslFinal, "v="),
    };
    for (const std::string& request : requests) {
        expect_failed(BackendAuth(password(), kRandom).on_authentication(request),
                      sqlstate::kProtocolViolation, "unexpected or malformed authentication request");
    }
    for (const std::string_view body : {"", "abc"}) {
        expect_failed(BackendAuth(password(), kRandom).on_authentication(body), sqlstate::kProtocolViolation,
                      "without a code");
    }
}

TEST(BackendAuth, ThePasswordIsGivenOnce) {
    for (const std::string& again :
         {code_and(AuthCode::CleartextPassword), code_and(AuthCode::Md5Password, "SALT"),
          code_and(AuthCode::Sasl, kScramOffer)}) {
        BackendAuth client(password(), kRandom);
        ASSERT_EQ(client.on_authentication(code_and(AuthCode::Md5Password, "SALT")).state, State::Continue);
        expect_failed(client.on_authentication(again), sqlstate::kProtocolViolation, "unexpected");
    }
}

TEST(BackendAuth, AcceptsNothingAfterTheEnd) {
    BackendAuth client(password(), kRandom);
    ASSERT_EQ(client.on_authentication(code_and(AuthCode::Ok)).state, State::Done);
    expect_failed(client.on_authentication(code_and(AuthCode::Ok)), sqlstate::kProtocolViolation,
                  "unexpected");
}

}  // namespace
}  // namespace pgpool::auth
