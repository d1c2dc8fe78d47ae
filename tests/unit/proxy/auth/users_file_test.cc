// SPDX-License-Identifier: PostgreSQL
#include "proxy/auth/users_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>

#include "tests/unit/proxy/auth/fixtures.h"

namespace pgpool::auth {
namespace {

UserMap users_in(std::string_view text) {
    return parse_users(text, "users.txt").value();
}

std::string error_of(std::string_view text) {
    const auto users = parse_users(text, "users.txt");
    if (users) return "no error";
    EXPECT_EQ(users.error().sqlstate, sqlstate::kConfigFileError);
    return users.error().message;
}

std::string password_of(const UserMap& users, std::string_view user) {
    const auto found = users.find(user);
    return found == users.end() ? "unknown" : std::get<PlainPassword>(found->second).password;
}

TEST(UsersFile, ReadsAllKindsOfVerifiers) {
    const std::string text = "\"s\" \"" + std::string(kPencilVerifier) + "\"\n\"m\"\t\"" +
                             std::string(kGeheimMd5) + "\"\r\n  \"p\"  \"plain text\"  \n";
    const UserMap users = users_in(text);
    EXPECT_EQ(users.size(), 3U);
    EXPECT_TRUE(std::holds_alternative<ScramVerifier>(users.at("s")));
    EXPECT_TRUE(std::holds_alternative<Md5Verifier>(users.at("m")));
    EXPECT_EQ(password_of(users, "p"), "plain text");
}

TEST(UsersFile, SkipsCommentsAndEmptyLines) {
    const UserMap users = users_in("; a\n# b\n\n   \n  # c\n\"u\" \"p\" ; d\n\"v\" \"#p;\"# e\n");
    EXPECT_EQ(users.size(), 2U);
    EXPECT_EQ(password_of(users, "u"), "p");
    EXPECT_EQ(password_of(users, "v"), "#p;");
}

TEST(UsersFile, UndoublesQuotesAndIgnoresFurtherFields) {
    const UserMap users = users_in("\"a\"\"b\" \"\"\"\" \"old\" \"older\"\n\"last\" \"no newline\"");
    EXPECT_EQ(password_of(users, "a\"b"), "\"");
    EXPECT_EQ(password_of(users, "last"), "no newline");
}

TEST(UsersFile, AnEmptyFileHasNoUsers) {
    EXPECT_TRUE(users_in("").empty());
}

TEST(UsersFile, NamesTheLineOfAnError) {
    EXPECT_EQ(error_of("\n; x\nuser \"p\"\n"), "users.txt:3: expected the user name in double quotes");
    EXPECT_EQ(error_of("\"u\"\n"), "users.txt:1: expected the password or verifier in double quotes");
    EXPECT_EQ(error_of("\"u\" p\n"), "users.txt:1: expected the password or verifier in double quotes");
    EXPECT_EQ(error_of("\"u\" \"p\" x\n"), "users.txt:1: expected a further field in double quotes");
    EXPECT_EQ(error_of("\"\" \"p\"\n"), "users.txt:1: the user name is empty");
    EXPECT_EQ(error_of("\"u\" \"\"\n"), "users.txt:1: user \"u\": the password or verifier is empty");
    EXPECT_EQ(error_of("\"u\" \"p\n\"v\" \"q\"\n"),
              "users.txt:1: the double quote that begins the password or verifier is not closed");
    EXPECT_EQ(error_of("\"u\" \"p\"\n\"u\" \"q\"\n"), "users.txt:2: user \"u\" stands in the file twice");
    EXPECT_THAT(error_of("\"u\" \"pa\"ss\"\n"), ::testing::HasSubstr("write a double quote inside as two"));
}

TEST(UsersFile, AnErrorDoesNotRepeatTheSecret) {
    EXPECT_EQ(error_of("\"u\" \"SCRAM-SHA-256$hush\"").find("hush"), std::string::npos);
    EXPECT_EQ(error_of("\"u\" \"hush\"hush\"").find("hush"), std::string::npos);
}

TEST(UsersFile, LoadsAFile) {
    char path[] = "/tmp/users_file_test.XXXXXX";
    const int fd = mkstemp(path);
    ASSERT_GE(fd, 0);
    const std::string line = "\"u\" \"" + std::string(10'000, 'p') + "\"\n";
    ASSERT_EQ(write(fd, line.data(), line.size()), static_cast<ssize_t>(line.size()));
    close(fd);
    const auto users = load_users_file(path);
    std::remove(path);
    ASSERT_TRUE(users) << users.error().message;
    EXPECT_EQ(password_of(*users, "u"), std::string(10'000, 'p'));
}

TEST(UsersFile, SaysWhyAFileCannotBeRead) {
    const auto missing = load_users_file("/nonexistent/users.txt");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().message,
              "cannot read users file \"/nonexistent/users.txt\": No such file or directory");
    const auto directory = load_users_file("/tmp");
    ASSERT_FALSE(directory);
    EXPECT_EQ(directory.error().message, "cannot read users file \"/tmp\": Is a directory");
}

}  // namespace
}  // namespace pgpool::auth
