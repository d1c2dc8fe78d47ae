// SPDX-License-Identifier: PostgreSQL
#include "proxy/sql/lexer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pgpool::sql {
namespace {

constexpr std::uint64_t kSeed = 42;

std::string tokens(std::string_view text) {
    static constexpr const char* kNames[] = {"end",      "word",        "quoted",    "number",
                                             "string",   "moving",      "bits",      "parameter",
                                             "operator", "punctuation", "unfinished"};
    std::string out;
    Lexer lexer(text);
    for (Token token = lexer.next(); token.kind != TokenKind::End; token = lexer.next()) {
        if (!out.empty()) out += ' ';
        out += std::string(kNames[static_cast<int>(token.kind)]) + "<" + std::string(token.text) + ">";
    }
    return out;
}

bool same(std::string_view a, std::string_view b) {
    return fingerprint(a, kSeed) == fingerprint(b, kSeed);
}

TEST(Lexer, Words) {
    EXPECT_EQ(tokens("a B_1$ \xc3\xa9t"), "word<a> word<B_1$> word<\xc3\xa9t>");
    EXPECT_EQ(tokens("\"a\"\"b\" U&\"x\" e b"), "quoted<\"a\"\"b\"> quoted<U&\"x\"> word<e> word<b>");
}

TEST(Lexer, Strings) {
    EXPECT_EQ(tokens("'a''b' E'a\\'b' N'x' U&'x'"),
              "string<'a''b'> moving<E'a\\'b'> string<N'x'> moving<U&'x'>");
    EXPECT_EQ(tokens("'a\\' E'a''b' B'01' x'1F'"), "string<'a\\'> string<E'a''b'> bits<B'01'> bits<x'1F'>");
    EXPECT_EQ(tokens("$$a'b$$ $t$ $$ $t$ $1 $ a$b"),
              "string<$$a'b$$> string<$t$ $$ $t$> parameter<$1> punctuation<$> word<a$b>");
}

TEST(Lexer, StringsThatMayBeMovingDates) {
    EXPECT_EQ(tokens("'now' ' NOW ' 'today 12:00' 'Tomorrow' 'yesterday' 'know'"),
              "moving<'now'> moving<' NOW '> moving<'today 12:00'> moving<'Tomorrow'> moving<'yesterday'> "
              "moving<'know'>");
    EXPECT_EQ(tokens("'no' 'toda' '2020-01-01'"), "string<'no'> string<'toda'> string<'2020-01-01'>");
    EXPECT_EQ(tokens("'" + std::string(200, ' ') + "now'").substr(0, 7), "string<");
}

TEST(Lexer, Numbers) {
    EXPECT_EQ(
        tokens("1 2.5 .5 1e10 1.5e-3 0x1F 1_000 1..2"),
        "number<1> number<2.5> number<.5> number<1e10> number<1.5e-3> number<0x1F> number<1_000> number<1> "
        "punctuation<..> number<2>");
}

TEST(Lexer, Operators) {
    EXPECT_EQ(tokens("a<-1 b=-1 @-- c"),
              "word<a> operator<<> operator<-> number<1> word<b> operator<=> operator<-> "
              "number<1> operator<@>");
    EXPECT_EQ(
        tokens("a@-b a/*x*/b a->>b x::y z:=1"),
        "word<a> operator<@-> word<b> word<a> word<b> word<a> operator<->>> word<b> word<x> punctuation<::> "
        "word<y> word<z> punctuation<:=> number<1>");
}

TEST(Lexer, Unfinished) {
    for (const char* text : {"'a", "\"a", "$$a", "$t$a$$", "/* /* */", "E'a\\'"}) {
        EXPECT_EQ(tokens(text).substr(0, 10), "unfinished") << text;
    }
}

TEST(Fingerprint, LiteralsCaseBlanksAndCommentsDoNotCount) {
    EXPECT_TRUE(same("SELECT abalance FROM pgbench_accounts WHERE aid = 1;",
                     "select abalance\n from  pgbench_accounts /* c */ where AID=99887766; -- x"));
    EXPECT_TRUE(same("select 'a', $$b$$, 1.5", "select 'it''s', E'c', 2"));
    EXPECT_TRUE(same("/* trace 1 */ select 1", "/* trace 2 */ select 1"));
    EXPECT_TRUE(same("select * from a_longer_identifier", "SELECT * FROM A_Longer_IDENTIFIER"));
}

TEST(Fingerprint, EverythingElseCounts) {
    const std::vector<std::string> shapes = {"select 1",
                                             "select 'a'",
                                             "select b'1'",
                                             "select 'now'",
                                             "select a",
                                             "select \"a\"",
                                             "select \"A\"",
                                             "select a b",
                                             "select ab",
                                             "select a.b",
                                             "select a, b",
                                             "select $1",
                                             "select $2",
                                             "select - 1",
                                             "select 1;",
                                             "select 1; select 1",
                                             "/* pgpool: primary */ select 1",
                                             "/* pgpool: standby */ select 1",
                                             "select abcdefgh",
                                             "select abcdefghi",
                                             "select abcdefgh i",
                                             "select a <- 1",
                                             "select a <# 1",
                                             "select",
                                             "",
                                             "select 'a' 'b'",
                                             "select (a)",
                                             "select [a]",
                                             "select a::b",
                                             "select a b c",
                                             "insert 1",
                                             "select 'a",
                                             "select $$a"};
    for (std::size_t i = 0; i < shapes.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j)
            EXPECT_FALSE(same(shapes[i], shapes[j])) << shapes[i] << " | " << shapes[j];
    }
}

TEST(Fingerprint, SeedMatters) {
    EXPECT_FALSE(fingerprint("select 1", 1) == fingerprint("select 1", 2));
    EXPECT_FALSE(text_fingerprint("select 1", 1) == text_fingerprint("select 1", 2));
    EXPECT_FALSE(text_fingerprint("select 1", 1) == text_fingerprint("select 2", 1));
}

// PostgreSQL joins 'to' and 'day' on two lines into one string.
TEST(Fingerprint, JoinedStringsMayMove) {
    EXPECT_FALSE(same("select 'to'\n'day'", "select 'a' b"));
}

TEST(StringAt, IsTheKindInAFingerprint) {
    const std::string sql = "select 'a', 'Now', E'\\x41', 'a'\n'b', now, $$today$$, 5, 'long";
    const auto kind = [&](std::string_view from) { return string_at(sql, sql.find(from)); };
    EXPECT_EQ(kind("'a',"), TokenKind::String);
    EXPECT_EQ(kind("'Now'"), TokenKind::MovingString);
    EXPECT_EQ(kind("E'"), TokenKind::MovingString);
    EXPECT_EQ(kind("'a'\n"), TokenKind::MovingString);
    EXPECT_EQ(kind("now"), TokenKind::End);
    EXPECT_EQ(kind("$$"), TokenKind::MovingString);
    EXPECT_EQ(kind("5"), TokenKind::End);
    EXPECT_EQ(kind("'long"), TokenKind::End);
    EXPECT_EQ(string_at(sql, sql.size()), TokenKind::End);
}

TEST(MayMove, FindsTheWordAnywhere) {
    EXPECT_TRUE(may_move("NOW"));
    EXPECT_TRUE(may_move("{2020-01-01,today}"));
    EXPECT_TRUE(may_move(std::string(500, ' ') + "yesterday"));
    EXPECT_FALSE(may_move("2020-01-01"));
    EXPECT_FALSE(may_move("no"));
}

TEST(BetweenSemicolons, AreTheStatements) {
    using Pieces = std::vector<std::string_view>;
    EXPECT_EQ(between_semicolons("a 1; /* ; */ b ';' -- c;\n;; \"d;\";"), (Pieces{"a 1", "b ';'", "\"d;\""}));
    EXPECT_EQ(between_semicolons(" ; -- nothing"), Pieces{});
    EXPECT_EQ(between_semicolons("one"), Pieces{"one"});
}

TEST(LeadingHint, IsTheFirstHintBeforeTheStatement) {
    EXPECT_EQ(leading_hint("/* a */ -- b\n /* pgpool: primary */ select 1"), "/* pgpool: primary */");
    EXPECT_EQ(leading_hint("-- pgpool: standby\nselect 1"), "-- pgpool: standby");
    EXPECT_EQ(leading_hint("select 1 /* pgpool: primary */"), "");
    EXPECT_EQ(leading_hint("/* pgpool: primary"), "");
    EXPECT_EQ(leading_hint(" "), "");
}

}  // namespace
}  // namespace pgpool::sql
