// SPDX-License-Identifier: PostgreSQL
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "proxy/auth/hashes.h"
#include "proxy/auth/scram_client.h"
#include "proxy/auth/scram_keys.h"
#include "proxy/auth/scram_server.h"

namespace pgpool::auth {
namespace {

using Exchange = ScramServer::Exchange;

constexpr std::string_view kClientNonce = "rOprNGfwEbeRWgbNEkqO";
constexpr std::string_view kServerNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
constexpr std::string_view kServerFirst =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
constexpr std::string_view kClientFinal =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+"
    "Ute9ytag9zjfMHgsqmmiz7AndVQ=";

ScramVerifier rfc7677_verifier() {
    static const ScramVerifier kVerifier =
        verifier_of(derive_keys("pencil", *base64_decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096));
    return kVerifier;
}

ScramServer rfc7677_server(Exchange exchange = Exchange::Real) {
    return {rfc7677_verifier(), exchange, std::string(kServerNonce)};
}

std::string first_error(std::string_view message) {
    const auto reply = rfc7677_server().client_first(message);
    return reply ? "no error" : std::string(reply.error().sqlstate.view()) + " " + reply.error().message;
}

std::string final_error(std::string_view message) {
    ScramServer server = rfc7677_server();
    EXPECT_TRUE(server.client_first("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
    const auto reply = server.client_final(message);
    return reply ? (*reply ? "no error" : "wrong proof")
                 : std::string(reply.error().sqlstate.view()) + " " + reply.error().message;
}

TEST(ScramServer, HoldsTheExchangeOfRfc7677) {
    ScramServer server = rfc7677_server();
    EXPECT_EQ(server.client_first("n,,n=user,r=rOprNGfwEbeRWgbNEkqO").value(), kServerFirst);
    const auto success = server.client_final(kClientFinal).value();
    ASSERT_TRUE(success);
    EXPECT_EQ(success->server_final, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

TEST(ScramServer, RecoversTheClientsKeys) {
    ScramServer server = rfc7677_server();
    ASSERT_TRUE(server.client_first("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
    const auto success = server.client_final(kClientFinal).value();
    const ScramKeys expected = derive_keys("pencil", *base64_decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096);
    ASSERT_TRUE(success);
    EXPECT_EQ(success->keys.client_key, expected.client_key);
    EXPECT_EQ(success->keys.server_key, expected.server_key);
    EXPECT_EQ(success->keys.salt, expected.salt);
    EXPECT_EQ(success->keys.iterations, expected.iterations);
}

TEST(ScramServer, AMockExchangeLooksTheSameAndTakesNoProof) {
    ScramServer server = rfc7677_server(Exchange::Mock);
    EXPECT_EQ(server.client_first("n,,n=user,r=rOprNGfwEbeRWgbNEkqO").value(), kServerFirst);
    EXPECT_FALSE(server.client_final(kClientFinal).value());
}

TEST(ScramServer, AcceptsOptionalAttributesAndFlagY) {
    EXPECT_EQ(first_error("y,,n=,r=abc"), "no error");
    EXPECT_EQ(first_error("n,,n=user,r=abc,x=1,Y="), "no error");
    EXPECT_EQ(first_error("n,,n=user,r=abc,"), "no error");
}

TEST(ScramServer, RefusesMalformedClientFirst) {
    const std::string malformed = "08P01 malformed SCRAM message ";
    EXPECT_EQ(first_error(""), malformed + "(the message is empty)");
    EXPECT_EQ(first_error(std::string_view("n,,n=\0,r=abc", 12)),
              malformed + "(message length does not match input length)");
    EXPECT_EQ(
        first_error("p=tls-server-end-point,,n=,r=abc"),
        malformed +
            "(the client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes "
            "channel binding data)");
    EXPECT_EQ(first_error("x,,n=,r=abc"), malformed + "(unexpected channel-binding flag \"x\")");
    EXPECT_EQ(first_error("\x01,,n=,r=abc"), malformed + "(unexpected channel-binding flag \"0x01\")");
    EXPECT_EQ(first_error("n"), malformed + "(comma expected, but found character \"end of string\")");
    EXPECT_EQ(first_error("nn"), malformed + "(comma expected, but found character \"n\")");
    EXPECT_EQ(first_error("n,"),
              malformed + "(unexpected attribute \"end of string\" in client-first-message)");
    EXPECT_EQ(first_error("n,b=x,n=,r=abc"),
              malformed + "(unexpected attribute \"b\" in client-first-message)");
    EXPECT_EQ(first_error("n,a=root,n=,r=abc"),
              "0A000 client uses authorization identity, but it is not supported");
    EXPECT_EQ(first_error("n,,m=x,n=,r=abc"), "0A000 client requires an unsupported SCRAM extension");
    EXPECT_EQ(first_error("n,,"), malformed + "(expected attribute \"n\" but found \"end of string\")");
    EXPECT_EQ(first_error("n,,r=abc"), malformed + "(expected attribute \"n\" but found \"r\")");
    EXPECT_EQ(first_error("n,,n"), malformed + "(expected character \"=\" for attribute \"n\")");
    EXPECT_EQ(first_error("n,,n=user"), malformed + "(expected attribute \"r\" but found \"end of string\")");
    EXPECT_EQ(first_error("n,,n=,r="), "08P01 non-printable characters in SCRAM nonce");
    EXPECT_EQ(first_error("n,,n=,r=a\x7f"), "08P01 non-printable characters in SCRAM nonce");
    EXPECT_EQ(first_error("n,,n=,r=a\xc3\xa4"), "08P01 non-printable characters in SCRAM nonce");
    EXPECT_EQ(first_error("n,,n=,r=abc,1=x"),
              malformed + "(attribute expected, but found invalid character \"1\")");
    EXPECT_EQ(first_error("n,,n=,r=abc,x"), malformed + "(expected character \"=\" for attribute \"x\")");
}

TEST(ScramServer, RefusesMalformedClientFinal) {
    const std::string malformed = "08P01 malformed SCRAM message ";
    const std::string nonce = std::string("r=") + std::string(kClientNonce) + std::string(kServerNonce);
    const std::string proof(kClientFinal.substr(kClientFinal.find("p=")));
    EXPECT_EQ(final_error(kClientFinal), "no error");
    EXPECT_EQ(final_error("c=biws," + nonce + ",x=ignored," + proof),
              "wrong proof");  // it is part of what is signed
    EXPECT_EQ(final_error(""), malformed + "(the message is empty)");
    EXPECT_EQ(final_error(nonce + "," + proof), malformed + "(expected attribute \"c\" but found \"r\")");
    EXPECT_EQ(final_error("c=eSws," + nonce + "," + proof),
              "08P01 unexpected SCRAM channel-binding attribute in client-final-message");
    EXPECT_EQ(final_error("c=biws," + proof), malformed + "(expected attribute \"r\" but found \"p\")");
    EXPECT_EQ(final_error("c=biws,r=rOprNGfwEbeRWgbNEkqO," + proof),
              "08P01 invalid SCRAM response (nonce does not match)");
    EXPECT_EQ(final_error("c=biws," + nonce + "x," + proof),
              "08P01 invalid SCRAM response (nonce does not match)");
    EXPECT_EQ(final_error("c=biws," + nonce), malformed + "(attribute expected, but found end of string)");
    EXPECT_EQ(final_error("c=biws," + nonce + ",x=1"),
              malformed + "(attribute expected, but found end of string)");
    EXPECT_EQ(final_error("c=biws," + nonce + ",p="),
              malformed + "(malformed proof in client-final-message)");
    EXPECT_EQ(final_error("c=biws," + nonce + ",p=AAAA"),
              malformed + "(malformed proof in client-final-message)");
    EXPECT_EQ(final_error("c=biws," + nonce + ",p=*"),
              malformed + "(malformed proof in client-final-message)");
    EXPECT_EQ(final_error("c=biws," + nonce + "," + proof + ",x=1"),
              malformed + "(garbage found at the end of client-final-message)");
}

TEST(ScramServer, RefusesAnyChangedBitOfTheProof) {
    const std::string proof = *base64_decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    const std::string before(kClientFinal.substr(0, kClientFinal.find("p=") + 2));
    for (std::size_t bit = 0; bit < proof.size() * 8; ++bit) {
        std::string changed = proof;
        changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ static_cast<char>(1U << (bit % 8)));
        EXPECT_EQ(final_error(before + base64_encode(changed)), "wrong proof");
    }
}

TEST(ScramServer, ChannelBindingFlagYMustBeRepeated) {
    ScramServer server = rfc7677_server();
    ASSERT_TRUE(server.client_first("y,,n=,r=abc"));
    EXPECT_FALSE(server.client_final("c=biws,r=abc" + std::string(kServerNonce) + ",p=AAAA"));
    const auto verdict = server.client_final("c=eSws,r=abc" + std::string(kServerNonce) +
                                             ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    ASSERT_TRUE(verdict);
    EXPECT_FALSE(*verdict);
}

// One whole exchange between the two roles; says how it ended.
std::string exchange(const Credentials& credentials, const ScramVerifier& verifier) {
    ScramClient client(credentials, "client-nonce");
    ScramServer server(verifier, Exchange::Real, "server-nonce");
    const auto server_first = server.client_first(client.client_first());
    if (!server_first) return server_first.error().message;
    const auto client_final = client.server_first(*server_first);
    if (!client_final) return client_final.error().message;
    const auto success = server.client_final(*client_final);
    if (!success) return success.error().message;
    if (!*success) return "wrong proof";
    const auto proven = client.server_final((*success)->server_final);
    return proven ? "done" : proven.error().message;
}

TEST(Scram, BothRolesAgreeOnRandomPasswords) {
    std::mt19937 generator(20240917);
    std::uniform_int_distribution<int> byte(1, 255);
    std::uniform_int_distribution<std::size_t> length(1, 100);
    for (int round = 0; round < 300; ++round) {
        std::string password(length(generator), '\0');
        for (char& c : password) c = static_cast<char>(byte(generator));
        std::string salt(length(generator), '\0');
        for (char& c : salt) c = static_cast<char>(byte(generator));
        const int iterations = 1 + round % 7;
        const ScramKeys keys = derive_keys(password, salt, iterations);
        EXPECT_EQ(exchange({"u", password, std::nullopt, std::nullopt}, verifier_of(keys)), "done");
        EXPECT_EQ(exchange({"u", std::nullopt, keys, std::nullopt}, verifier_of(keys)), "done");
        EXPECT_EQ(exchange({"u", password + "x", std::nullopt, std::nullopt}, verifier_of(keys)),
                  "wrong proof");
    }
}

TEST(ScramClient, TakesThePasswordWhereTheKeysDoNotFit) {
    const ScramKeys other = derive_keys("pencil", "other salt", 10);
    EXPECT_EQ(exchange({"u", "pencil", other, std::nullopt}, rfc7677_verifier()), "done");
}

TEST(ScramClient, NamesADifferingVerifier) {
    const std::string salt = rfc7677_verifier().salt;
    for (const ScramKeys& keys :
         {derive_keys("pencil", "other salt", 4096), derive_keys("pencil", salt, 4095)}) {
        EXPECT_THAT(
            exchange({"amy", std::nullopt, keys, std::nullopt}, rfc7677_verifier()),
            ::testing::StartsWith("the node's verifier of user \"amy\" differs from the one known here"));
    }
}

class ScramClientTest : public ::testing::Test {
protected:
    std::string first_error(std::string_view message) {
        const auto reply = client_.server_first(message);
        return reply ? "no error" : std::string(reply.error().sqlstate.view()) + " " + reply.error().message;
    }
    std::string final_error(std::string_view message) {
        EXPECT_TRUE(client_.server_first("r=nonceX,s=c2FsdA==,i=1"));
        const auto reply = client_.server_final(message);
        return reply ? "no error" : std::string(reply.error().sqlstate.view()) + " " + reply.error().message;
    }
    ScramClient client_{{"u", "pencil", std::nullopt, std::nullopt}, "nonce"};
};

TEST_F(ScramClientTest, RefusesMalformedServerFirst) {
    const std::string malformed = "08P01 malformed SCRAM message ";
    EXPECT_EQ(first_error("r=nonceX,s=c2FsdA==,i=1"), "no error");
    EXPECT_EQ(first_error("r=nonceX,s=c2FsdA==,i=1,x=y"), "no error");
    EXPECT_EQ(first_error(""), malformed + "(the message is empty)");
    EXPECT_EQ(first_error("m=x,r=nonceX,s=c2FsdA==,i=1"),
              "0A000 server requires an unsupported SCRAM extension");
    EXPECT_EQ(first_error("s=c2FsdA==,i=1"), malformed + "(expected attribute \"r\" but found \"s\")");
    EXPECT_EQ(first_error("r=nonce,s=c2FsdA==,i=1"), "08P01 invalid SCRAM response (nonce mismatch)");
    EXPECT_EQ(first_error("r=other-nonce,s=c2FsdA==,i=1"), "08P01 invalid SCRAM response (nonce mismatch)");
    EXPECT_EQ(first_error("r=nonce\x01,s=c2FsdA==,i=1"), "08P01 invalid SCRAM response (nonce mismatch)");
    EXPECT_EQ(first_error("r=nonceX"), malformed + "(expected attribute \"s\" but found \"end of string\")");
    EXPECT_EQ(first_error("r=nonceX,s=,i=1"), malformed + "(invalid salt)");
    EXPECT_EQ(first_error("r=nonceX,s=c2F,i=1"), malformed + "(invalid salt)");
    EXPECT_EQ(first_error("r=nonceX,s=c2FsdA=="),
              malformed + "(expected attribute \"i\" but found \"end of string\")");
    for (const std::string_view count : {"", "0", "-1", "1x", "x"}) {
        EXPECT_EQ(first_error("r=nonceX,s=c2FsdA==,i=" + std::string(count)),
                  malformed + "(invalid iteration count)");
    }
    for (const std::string_view count : {"1000001", "99999999999999"}) {
        EXPECT_EQ(first_error("r=nonceX,s=c2FsdA==,i=" + std::string(count)),
                  "0A000 the SCRAM iteration count asked for is above 1000000");
    }
    EXPECT_EQ(first_error("r=nonceX,s=c2FsdA==,i=1,?"),
              malformed + "(attribute expected, but found invalid character \"?\")");
}

TEST_F(ScramClientTest, RefusesAServerThatDoesNotKnowTheVerifier) {
    const std::string malformed = "08P01 malformed SCRAM message ";
    EXPECT_EQ(final_error("v=" + base64_encode(std::string(32, 'x'))), "28P01 incorrect server signature");
    EXPECT_EQ(final_error("e=other-error"), "28P01 SCRAM error of the server: other-error");
    EXPECT_EQ(final_error(""), malformed + "(the message is empty)");
    EXPECT_EQ(final_error("x=1"), malformed + "(expected attribute \"v\" but found \"x\")");
    EXPECT_EQ(final_error("e"), malformed + "(expected character \"=\" for attribute \"e\")");
    EXPECT_EQ(final_error("v=AAAA"), malformed + "(invalid server signature)");
    EXPECT_EQ(final_error("v=" + base64_encode(std::string(32, 'x')) + ",x=1"),
              malformed + "(garbage found at the end of server-final-message)");
}

}  // namespace
}  // namespace pgpool::auth
