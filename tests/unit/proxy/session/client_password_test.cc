// SPDX-License-Identifier: PostgreSQL
#include <gtest/gtest.h>

#include "common/wire/encoder.h"
#include "proxy/auth/backend_auth.h"
#include "tests/unit/proxy/session/client_play.h"

namespace pgpool::session {
namespace {

using config::AuthMethod;
using Step = ClientLogin::Step;

std::string startup_of(const std::string& user) {
    return startup_packet({{"user", user}, {"database", "app"}});
}

ClientPlay play(AuthMethod method, std::optional<auth::Verifier> verifier) {
    return {.access = access_by(method), .verifier = std::move(verifier)};
}

// The client's side of the whole exchange; gives the messages it sent.
std::vector<std::string> log_in(ClientPlay& server, const std::string& user, const std::string& password) {
    auth::BackendAuth client({user, password, std::nullopt, std::nullopt}, auth::kRandom);
    std::vector<std::string> messages{startup_of(user)};
    std::size_t seen = 0;
    while (server.receive(messages.back()) == Step::NeedMore) {
        std::string answer;
        for (const std::string& body : auth::bodies(ByteView(server.sent).substr(seen), 'R'))
            answer += client.on_authentication(body).send;
        seen = server.sent.size();
        if (answer.empty()) break;
        messages.push_back(answer);
    }
    return messages;
}

void expect_wrong_password(const ClientPlay& server, const std::string& user) {
    EXPECT_EQ(server.step, Step::Refused);
    EXPECT_EQ(server.login.error().message, "password authentication failed for user \"" + user + "\"");
    EXPECT_EQ(server.login.error().sqlstate, SqlState("28P01"));
}

struct Case {
    AuthMethod method;
    std::string_view verifier;
    std::string user;
    std::string password;
};

const Case kCases[] = {
    {AuthMethod::Password, auth::kPencilVerifier, "u_scram", "pencil"},
    {AuthMethod::Password, "plain", "u", "plain"},
    {AuthMethod::Md5, auth::kGeheimMd5, "u_md5", "geheim"},
    {AuthMethod::Md5, "plain", "u", "plain"},
    {AuthMethod::Md5, auth::kPencilVerifier, "u_scram", "pencil"},
    {AuthMethod::ScramSha256, auth::kPencilVerifier, "u_scram", "pencil"},
    {AuthMethod::ScramSha256, "plain", "u", "plain"},
};

TEST(ClientPassword, TheRightOneIsAcceptedAndAnotherRefused) {
    for (const Case& c : kCases) {
        SCOPED_TRACE(c.user + " by method " + std::to_string(static_cast<int>(c.method)));
        ClientPlay right = play(c.method, auth::verifier_from(c.verifier));
        log_in(right, c.user, c.password);
        EXPECT_EQ(right.step, Step::Done) << right.login.error().message;
        EXPECT_TRUE(right.sent.ends_with(auth::authentication_frame(auth::AuthCode::Ok)));
        EXPECT_EQ(right.login.credentials().user, c.user);

        ClientPlay wrong = play(c.method, auth::verifier_from(c.verifier));
        log_in(wrong, c.user, "not it");
        expect_wrong_password(wrong, c.user);
    }
}

// Refuses, or lets in, by another verifier at the second look-up.
Step log_in_while_changed(AuthMethod method, std::string_view first, std::string_view second,
                          const std::string& password) {
    ClientPlay server = play(method, auth::verifier_from(first));
    EXPECT_EQ(server.receive(startup_of("u")), Step::NeedMore);
    const std::size_t asked = server.sent.size();
    server.verifier = auth::verifier_from(second);
    server.receive(auth::password_frame(password + '\0'));
    if (server.step == Step::Refused) {
        EXPECT_EQ(server.sent.size(), asked) << "asked once";
    }
    return server.step;
}

TEST(ClientPassword, AClearOneIsDecidedByANewerVerifier) {
    EXPECT_EQ(log_in_while_changed(AuthMethod::Password, "old", "new", "new"), Step::Done);
    EXPECT_EQ(log_in_while_changed(AuthMethod::Password, "old", auth::kPencilVerifier, "pencil"), Step::Done);
    EXPECT_EQ(log_in_while_changed(AuthMethod::Password, "old", "new", "neither"), Step::Refused);
}

TEST(ClientPassword, OfAnUnknownUserLooksTheSameAsAWrongOne) {
    for (const AuthMethod method : {AuthMethod::Password, AuthMethod::ScramSha256}) {
        ClientPlay known = play(method, auth::verifier_from("plain"));
        ClientPlay unknown = play(method, std::nullopt);
        const auto to_known = log_in(known, "u", "not it");
        const auto to_unknown = log_in(unknown, "u", "not it");
        expect_wrong_password(known, "u");
        expect_wrong_password(unknown, "u");
        EXPECT_EQ(known.sent, unknown.sent);
        EXPECT_EQ(to_known, to_unknown);
    }
    ClientPlay md5 = play(AuthMethod::Md5, auth::verifier_from(auth::kPencilVerifier));
    ClientPlay unknown = play(AuthMethod::Md5, std::nullopt);
    log_in(md5, "u_scram", "not it");
    log_in(unknown, "u_scram", "not it");
    expect_wrong_password(unknown, "u_scram");
    EXPECT_EQ(md5.login.error().message, unknown.login.error().message);
    EXPECT_EQ(md5.sent.size(), unknown.sent.size()) << "the salt alone differs";
}

TEST(ClientPassword, BytesSplitAnywhereGiveTheSameAnswer) {
    for (const Case& c : {kCases[0], kCases[2], kCases[6]}) {
        ClientPlay whole = play(c.method, auth::verifier_from(c.verifier));
        const std::vector<std::string> messages = log_in(whole, c.user, c.password);
        for (std::size_t which = 0; which < messages.size(); ++which) {
            for (std::size_t at = 1; at < messages[which].size(); ++at) {
                ClientPlay split = play(c.method, auth::verifier_from(c.verifier));
                for (std::size_t i = 0; i < messages.size(); ++i) {
                    if (i == which) split.receive(ByteView(messages[i]).substr(0, at));
                    split.receive(ByteView(messages[i]).substr(i == which ? at : 0));
                }
                ASSERT_EQ(split.step, Step::Done) << "message " << which << " at " << at;
                ASSERT_EQ(split.sent, whole.sent);
            }
        }
    }
}

TEST(ClientPassword, NothingIsReadWhileTheVerifierIsLookedUp) {
    ClientLogin login(auth::PeerAddress::local(), auth::kRandom, "secret");
    const auth::AccessList access = access_by(AuthMethod::Password);
    std::string send;
    const std::string packet = startup_of("u");
    const ClientLogin::Outcome first = login.on_bytes(packet, access, send);
    EXPECT_EQ(first.step, Step::LookUp);
    EXPECT_EQ(first.used, packet.size());
    const std::string early = auth::password_frame(auth::with_zero("plain"));
    const ClientLogin::Outcome waiting = login.on_bytes(early, access, send);
    EXPECT_EQ(waiting.step, Step::NeedMore);
    EXPECT_EQ(waiting.used, 0U);
    EXPECT_EQ(send, "");
    EXPECT_EQ(login.verifier_found(auth::verifier_from("plain"), send), Step::NeedMore);
    EXPECT_EQ(login.on_bytes(early, access, send).step, Step::Done);
}

TEST(ClientPassword, AnotherMessageInItsPlaceIsRefusedByItsType) {
    ClientPlay server = play(AuthMethod::Password, auth::verifier_from("plain"));
    EXPECT_EQ(server.receive(startup_of("u")), Step::NeedMore);
    EXPECT_EQ(server.receive("Q"), Step::Refused);
    EXPECT_EQ(server.login.error().message, "expected password response, got message type 81");
    EXPECT_EQ(server.login.error().sqlstate, sqlstate::kProtocolViolation);
}

TEST(ClientPassword, OneThatIsTooLongEndsTheConnection) {
    for (const std::uint32_t length : {3U, 65'536U, 0xffffffffU}) {
        ClientPlay server = play(AuthMethod::Password, auth::verifier_from("plain"));
        EXPECT_EQ(server.receive(startup_of("u")), Step::NeedMore);
        std::string header = "p";
        append_be32(header, length);
        EXPECT_EQ(server.receive(header), Step::Hangup) << length;
    }
}

TEST(ClientPassword, OfWhoTheAccessRulesRejectIsNotAskedFor) {
    ClientPlay server = play(AuthMethod::Reject, auth::verifier_from("plain"));
    EXPECT_EQ(server.receive(startup_of("u")), Step::Refused);
    EXPECT_EQ(server.login.error().sqlstate, sqlstate::kInvalidAuthorization);
    EXPECT_EQ(server.sent, "");
}

}  // namespace
}  // namespace pgpool::session
