// SPDX-License-Identifier: PostgreSQL
#include "proxy/auth/hashes.h"

#include <gtest/gtest.h>

namespace pgpool::auth {
namespace {

TEST(Hashes, Sha256OfFips180Examples) {
    EXPECT_EQ(to_hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(to_hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Hashes, HmacOfRfc4231) {
    EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(to_hex(hmac_sha256("", "")),
              "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Hashes, Pbkdf2OfRfc7914) {
    EXPECT_EQ(to_hex(pbkdf2_sha256("passwd", "salt", 1)),
              "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
}

TEST(Hashes, Md5AsPostgresqlUsesIt) {
    EXPECT_EQ(md5_hex("").value(), "d41d8cd98f00b204e9800998ecf8427e");
    EXPECT_EQ(md5_verifier_hash("geheim", "u_md5").value(), "60364f5053eed89c369c99e1b8f8e89a");
}

TEST(Hashes, ComparesWholeStrings) {
    EXPECT_TRUE(equal_in_constant_time("", ""));
    EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
    EXPECT_FALSE(equal_in_constant_time("abc", "abd"));
    EXPECT_FALSE(equal_in_constant_time("abc", "ab"));
}

TEST(Hashes, Base64OfRfc4648BothWays) {
    const std::pair<std::string_view, std::string_view> cases[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xff\xbf", "+/+/"},
    };
    for (const auto& [bytes, text] : cases) {
        EXPECT_EQ(base64_encode(bytes), text);
        EXPECT_EQ(base64_decode(text), bytes);
    }
}

TEST(Hashes, Base64RefusesWhatIsNotExact) {
    for (const std::string_view text :
         {"Zg", "Zg=", "Zg= ", "Z===", "====", "Zm9v\n", " Zm9", "Zm=v", "Zm-v", "=Zm9"}) {
        EXPECT_EQ(base64_decode(text), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace pgpool::auth
