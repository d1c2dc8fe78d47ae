// SPDX-License-Identifier: PostgreSQL
#include "proxy/auth/saslprep.h"

#include <gtest/gtest.h>

#include "proxy/auth/scram_keys.h"
#include "tests/unit/proxy/auth/fixtures.h"

namespace pgpool::auth {
namespace {

TEST(Saslprep, PreparesAsInRfc4013) {
    EXPECT_EQ(saslprep("I\xc2\xadX"), "IX");  // SOFT HYPHEN mapped to nothing
    EXPECT_EQ(saslprep("user"), "user");
    EXPECT_EQ(saslprep("USER"), "USER");        // case is kept
    EXPECT_EQ(saslprep("\xc2\xaa"), "a");       // NFKC
    EXPECT_EQ(saslprep("\xe2\x85\xa8"), "IX");  // NFKC
    EXPECT_EQ(saslprep("a\xc2\xa0z"), "a z");   // NO-BREAK SPACE
}

TEST(Saslprep, LeavesAloneWhatPostgresqlLeavesAlone) {
    const std::string_view kept[] = {
        "tab\tand\x01",  // ASCII, though RFC 4013 prohibits it
        "\xff\xfe",      // not UTF-8
        "\xc3",          // cut off
        "\xd8\xa7"
        "1",                                        // bidirectional rule
        "\xcd\xb8x",                                // unassigned
        "\xc2\xad",                                 // nothing would remain
        std::string_view("\xc3\xa4\0\xc2\xad", 5),  // zero byte
    };
    for (const std::string_view password : kept) EXPECT_EQ(saslprep(password), password);
}

// Verifiers of PostgreSQL 15 for CREATE ROLE … PASSWORD with these passwords.
TEST(Saslprep, AgreesWithPostgresql) {
    const std::pair<std::string_view, std::string_view> made[] = {
        {"I\xc2\xadX\xe2\x85\xa8\xef\xac\x81 pass\xc2\xa0word",
         "SCRAM-SHA-256$4096:CRQuWGZbQciJUUBvy9re7g==$BEj/RWb8JXALUw+P6uO3n9Ez1JH3uyLnVb3CxFkOu9o=:"
         "D3DpRyU48pnyId/mvWh23lo3QbnBARWFDj2CoA7/8M4="},
        {"IXIXfi pass word",
         "SCRAM-SHA-256$4096:CRQuWGZbQciJUUBvy9re7g==$BEj/RWb8JXALUw+P6uO3n9Ez1JH3uyLnVb3CxFkOu9o=:"
         "D3DpRyU48pnyId/mvWh23lo3QbnBARWFDj2CoA7/8M4="},
        {"\xe2\x82\xac\xc3\xa4"
         "a\xcc\x88",
         "SCRAM-SHA-256$4096:lFRapO2Z9lJyQzEeZIlvAg==$Ther8Dim9JvKlCmEtTEOEJEGzqVsQKCU9u/7Ks5o8MU=:"
         "eRi/q+AksB3okvl+EQZ9+4eIrYU1xQlHDxniSbUwvQo="},
        {"\xcd\xb8x",
         "SCRAM-SHA-256$4096:LINZw3+bY0Arjhb8W/jmBw==$85CWRCgpgGrcHRGRvzFjB7qi9eAB0igok+3cVDsj1j4=:"
         "VVzabBXJ4zZKnIq2NG4DpNbqf3nhaMsla5KCGtgk4Hs="},
        {"\xd8\xa7"
         "1",
         "SCRAM-SHA-256$4096:kiU6/Lo8dyF51cAqPjge8g==$jioGkTY0rG5qBTS7wLcbNg1NzGn8TiMJyzjyrgiHcR8=:"
         "F2Vap+j1fJeJXU+oLw7v/R6X6r2vrQdmz3mbMhIVNBI="},
        {"\xc2\xad",
         "SCRAM-SHA-256$4096:TBxXuWdomY6A97J5up1vBA==$cXgsetuIKq2ndl198KBwvKzKx0F+0kuHfxCD+LjKgiI=:"
         "zORFkXgt5+nPKd6PcEtK3ihpnlbPoCELcPTmW+KHSvw="},
    };
    for (const auto& [password, text] : made) {
        const auto verifier = std::get<ScramVerifier>(verifier_from(text));
        EXPECT_TRUE(is_password_of(verifier, password)) << password;
        EXPECT_FALSE(is_password_of(verifier, std::string(password) + "x")) << password;
    }
}

}  // namespace
}  // namespace pgpool::auth
