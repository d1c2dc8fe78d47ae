// SPDX-License-Identifier: PostgreSQL
#include <gtest/gtest.h>

#include "common/wire/encoder.h"
#include "tests/unit/proxy/session/client_play.h"

namespace pgpool::session {
namespace {

using Step = ClientLogin::Step;

constexpr std::uint32_t kSslRequest = 80877103;
constexpr std::uint32_t kGssEncRequest = 80877104;

const std::string kAmy = startup_packet({{"user", "amy"}, {"database", "app"}});

void expect_refused(const ClientPlay& client, SqlState state, std::string_view message) {
    EXPECT_EQ(client.step, Step::Refused);
    EXPECT_EQ(client.login.error().message, message);
    EXPECT_EQ(client.login.error().sqlstate, state) << client.login.error().sqlstate.view();
}

std::string authentication_ok() {
    return auth::authentication_frame(auth::AuthCode::Ok);
}

std::string negotiation(const std::vector<std::string>& unknown) {
    std::string message;
    wire::FrameBuilder frame(message, wire::backend::kNegotiateProtocolVersion);
    frame.int32(3U << 16U).int32(static_cast<std::uint32_t>(unknown.size()));
    for (const std::string& name : unknown) frame.string(name);
    return message;
}

TEST(ClientStartup, EncryptionIsAnsweredByNoAndTheStartupPacketMayFollow) {
    for (const auto& requests : std::vector<std::vector<std::uint32_t>>{
             {kSslRequest}, {kGssEncRequest}, {kSslRequest, kGssEncRequest}, {kGssEncRequest, kSslRequest}}) {
        ClientPlay client;
        for (const std::uint32_t code : requests) EXPECT_EQ(client.receive(request(code)), Step::NeedMore);
        EXPECT_EQ(client.sent, std::string(requests.size(), 'N'));
        EXPECT_EQ(client.receive(kAmy), Step::Done);
        EXPECT_EQ(client.login.user(), "amy");
    }
}

TEST(ClientStartup, EachKindOfEncryptionIsAskedForOnce) {
    ClientPlay ssl;
    EXPECT_EQ(ssl.receive(request(kSslRequest)), Step::NeedMore);
    ssl.receive(request(kSslRequest));
    expect_refused(ssl, sqlstate::kFeatureNotSupported,
                   "unsupported frontend protocol 1234.5679: server supports 3.0 to 3.0");
    EXPECT_EQ(ssl.sent, "N");

    ClientPlay gss;
    EXPECT_EQ(gss.receive(request(kGssEncRequest)), Step::NeedMore);
    gss.receive(request(kGssEncRequest));
    expect_refused(gss, sqlstate::kFeatureNotSupported,
                   "unsupported frontend protocol 1234.5680: server supports 3.0 to 3.0");
    EXPECT_EQ(gss.sent, "N");
}

TEST(ClientStartup, NothingMayFollowAnEncryptionRequestBeforeItsAnswer) {
    ClientPlay ssl;
    ssl.receive(request(kSslRequest) + kAmy);
    expect_refused(ssl, sqlstate::kProtocolViolation, "received unencrypted data after SSL request");
    ClientPlay gss;
    gss.receive(request(kGssEncRequest) + kAmy);
    expect_refused(gss, sqlstate::kProtocolViolation,
                   "received unencrypted data after GSSAPI encryption request");
}

TEST(ClientStartup, ACancelRequestTellsItsKeyAndIsNotAnswered) {
    std::string packet;
    wire::append_cancel_request(packet, 4242, 0xfedcba98U);
    for (const bool is_after_ssl : {false, true}) {
        ClientPlay client;
        if (is_after_ssl) {
            EXPECT_EQ(client.receive(request(kSslRequest)), Step::NeedMore);
        }
        EXPECT_EQ(client.receive(packet), Step::Cancel);
        EXPECT_EQ(client.login.cancel().pid, 4242U);
        EXPECT_EQ(client.login.cancel().secret, 0xfedcba98U);
        EXPECT_EQ(client.sent, is_after_ssl ? "N" : "");
    }
}

TEST(ClientStartup, NewerMinorVersionsAndUnknownOptionsAreNegotiated) {
    struct Case {
        std::uint32_t minor;
        Parameters parameters;
        std::string answer;
    };
    const Case cases[] = {
        {0, {{"user", "amy"}}, ""},
        {2, {{"user", "amy"}}, negotiation({})},
        {0, {{"user", "amy"}, {"_pq_.a", "1"}}, negotiation({"_pq_.a"})},
        {2, {{"_pq_.b", "1"}, {"user", "amy"}, {"_pq_.a", "on"}}, negotiation({"_pq_.b", "_pq_.a"})},
    };
    for (const Case& c : cases) {
        ClientPlay client;
        EXPECT_EQ(client.receive(startup_packet(c.parameters, c.minor)), Step::Done);
        EXPECT_EQ(client.sent, c.answer + authentication_ok());
        EXPECT_EQ(client.login.settings(), Parameters{}) << "_pq_. options are no settings";
        EXPECT_EQ(client.login.startup(), (Parameters{{"user", "amy"}}));
    }
}

TEST(ClientStartup, OtherMajorVersionsAreRefusedInTheirOwnWay) {
    ClientPlay newer;
    newer.receive(request(4U << 16U));
    expect_refused(newer, sqlstate::kFeatureNotSupported,
                   "unsupported frontend protocol 4.0: server supports 3.0 to 3.0");
    ClientPlay older;
    EXPECT_EQ(older.receive(request(2U << 16U)), Step::Hangup);
    using namespace std::string_literals;
    EXPECT_EQ(older.sent, "EFATAL:  unsupported frontend protocol 2.0: server supports 3.0 to 3.0\n\0"s);
}

TEST(ClientStartup, AUserIsNeeded) {
    for (const Parameters& parameters : {Parameters{}, {{"database", "app"}}, {{"user", ""}}}) {
        ClientPlay client;
        client.receive(startup_packet(parameters));
        expect_refused(client, sqlstate::kInvalidAuthorization,
                       "no PostgreSQL user name specified in startup packet");
        EXPECT_EQ(client.sent, "");
    }
}

TEST(ClientStartup, TheDatabaseIsThatOfTheNameOfTheUserUnlessItIsGiven) {
    ClientPlay given;
    EXPECT_EQ(given.receive(kAmy), Step::Done);
    EXPECT_EQ(given.login.database(), "app");
    for (const Parameters& parameters : {Parameters{{"user", "amy"}}, {{"database", ""}, {"user", "amy"}}}) {
        ClientPlay client;
        EXPECT_EQ(client.receive(startup_packet(parameters)), Step::Done);
        EXPECT_EQ(client.login.database(), "amy");
    }
}

TEST(ClientStartup, AllOtherParametersAreSettingsThoseOfOptionsFirst) {
    ClientPlay client;
    EXPECT_EQ(client.receive(startup_packet({{"user", "amy"},
                                             {"work_mem", "2MB"},
                                             {"options", "-c work_mem=1MB --search-path=a"},
                                             {"application_name", "x"}})),
              Step::Done);
    EXPECT_EQ(
        client.login.settings(),
        (Parameters{
            {"work_mem", "1MB"}, {"search_path", "a"}, {"work_mem", "2MB"}, {"application_name", "x"}}));
}

TEST(ClientStartup, WrongOptionsAreToldAfterTheAuthentication) {
    ClientPlay client;
    client.receive(startup_packet({{"user", "amy"}, {"options", "-Z"}}));
    expect_refused(client, sqlstate::kSyntaxError, "invalid command-line argument for server process: -Z");
    EXPECT_EQ(client.sent, authentication_ok());
}

TEST(ClientStartup, APacketOfAnImpossibleLengthEndsTheConnectionWithoutAWord) {
    for (const std::uint32_t length : {0U, 4U, 7U, 10'005U, 0x7fffffffU, 0xffffffffU}) {
        std::string packet;
        append_be32(packet, length);
        ClientPlay client;
        EXPECT_EQ(client.receive(packet), Step::Hangup) << length;
        EXPECT_EQ(client.sent, "");
    }
    std::string longest;
    append_be32(longest, 10'004);
    EXPECT_EQ(ClientPlay().receive(longest), Step::NeedMore);
}

TEST(ClientStartup, APacketWithoutItsEndIsAProtocolViolation) {
    std::string packet = kAmy;
    packet.back() = 'x';
    ClientPlay client;
    client.receive(packet);
    expect_refused(client, sqlstate::kProtocolViolation,
                   "invalid startup packet layout: expected terminator as last byte");
}

TEST(ClientStartup, BytesSplitAnywhereGiveTheSameAnswer) {
    std::string cancel;
    wire::append_cancel_request(cancel, 1, 2);
    const std::string packets[] = {kAmy,
                                   startup_packet({{"user", "amy"}, {"_pq_.a", "1"}}, 2),
                                   startup_packet({}),
                                   request(kSslRequest),
                                   request(2U << 16U),
                                   cancel};
    for (const std::string& packet : packets) {
        ClientPlay whole;
        whole.receive(packet);
        for (std::size_t at = 1; at < packet.size(); ++at) {
            ClientPlay split;
            EXPECT_EQ(split.receive(ByteView(packet).substr(0, at)), Step::NeedMore);
            EXPECT_EQ(split.sent, "");
            EXPECT_EQ(split.receive(ByteView(packet).substr(at)), whole.step);
            EXPECT_EQ(split.sent, whole.sent);
            EXPECT_EQ(split.login.error().message, whole.login.error().message);
            EXPECT_EQ(split.login.startup(), whole.login.startup());
            EXPECT_EQ(split.unread, "");
        }
    }
}

}  // namespace
}  // namespace pgpool::session
