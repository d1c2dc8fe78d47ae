// SPDX-License-Identifier: PostgreSQL
#include "proxy/auth/credentials.h"

#include <gtest/gtest.h>

#include "proxy/auth/hashes.h"
#include "tests/unit/proxy/auth/fixtures.h"

namespace pgpool::auth {
namespace {

TEST(ParseVerifier, ReadsAScramVerifierAndWritesItBack) {
    const auto verifier = std::get<ScramVerifier>(verifier_from(kPencilVerifier));
    EXPECT_EQ(verifier.iterations, 4096);
    EXPECT_EQ(base64_encode(verifier.salt), "XxGVVGrEyau9tW79dIO9mA==");
    EXPECT_EQ(verifier.stored_key.size(), kSha256Size);
    EXPECT_EQ(to_text(verifier), kPencilVerifier);
}

TEST(ParseVerifier, ReadsAnMd5Verifier) {
    EXPECT_EQ(std::get<Md5Verifier>(verifier_from(kGeheimMd5)).hash, kGeheimMd5.substr(3));
}

TEST(ParseVerifier, TakesWhatOnlyResemblesMd5AsAPassword) {
    for (const std::string_view text :
         {"md5", "md560364F5053eed89c369c99e1b8f8e89a", "md560364f5053eed89c369c99e1b8f8e89",
          "md560364f5053eed89c369c99e1b8f8e89g", "secret", "SCRAM-SHA-1$x"}) {
        EXPECT_EQ(std::get<PlainPassword>(verifier_from(text)).password, text);
    }
}

TEST(ParseVerifier, RefusesABrokenScramVerifierWithoutRepeatingIt) {
    const std::string good(kPencilVerifier);
    const std::string broken[] = {
        "",
        "SCRAM-SHA-256$",
        "SCRAM-SHA-256$4096",
        "SCRAM-SHA-256$4096:XxGVVGrEyau9tW79dIO9mA==",
        "SCRAM-SHA-256$4096:XxGVVGrEyau9tW79dIO9mA==$GMTwDWEJslqLcoTS18Nr747686ObXYXaaVbu4mCyGkE=",
        "SCRAM-SHA-256$0" + good.substr(18),
        "SCRAM-SHA-256$-1" + good.substr(18),
        "SCRAM-SHA-256$99999999999" + good.substr(18),
        "SCRAM-SHA-256$40x6" + good.substr(18),
        "SCRAM-SHA-256$4096:" + good.substr(43),  // no salt
        good + "A",
        good + "AAAA",
        good.substr(0, good.size() - 4),
    };
    for (const std::string& text : broken) {
        const auto verifier = parse_verifier(text);
        ASSERT_FALSE(verifier) << text;
        EXPECT_EQ(verifier.error().sqlstate, sqlstate::kInvalidPassword);
        EXPECT_EQ(verifier.error().message.find("XxGV"), std::string::npos);
    }
}

}  // namespace
}  // namespace pgpool::auth
