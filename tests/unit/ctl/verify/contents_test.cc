// SPDX-License-Identifier: PostgreSQL
#include "ctl/verify/contents.h"

#include <gtest/gtest.h>

namespace pgpool::ctl::verify {
namespace {

Suspect numbers(std::vector<std::optional<std::string>> values) {
    return {{"s"}, std::move(values)};
}

TEST(Contents, EqualOnesDoNotDiffer) {
    const Contents one{{{"1"}, "a"}, {{"2"}, "b"}};
    EXPECT_TRUE(differing(std::vector{one, one, one}).empty());
    EXPECT_TRUE(differing(std::vector<Contents>{}).empty());
    EXPECT_TRUE(differing(std::vector{Contents{}, Contents{}}).empty());
}

TEST(Contents, MissingExtraAndOther) {
    const Contents first{{{"1"}, "a"}, {{"2"}, "b"}, {{"3"}, "c"}};
    const Contents second{{{"2"}, "x"}, {{"3"}, "c"}, {{"4"}, "d"}};
    const auto found = differing(std::vector{first, second});
    EXPECT_EQ(found, (std::vector<Suspect>{
                         {{"1"}, {"a", std::nullopt}}, {{"2"}, {"b", "x"}}, {{"4"}, {std::nullopt, "d"}}}));
    EXPECT_EQ(verdict(found[0].values[0], found[0].values[1]), "missing");
    EXPECT_EQ(verdict(found[1].values[0], found[1].values[1]), "other contents");
    EXPECT_EQ(verdict(found[2].values[0], found[2].values[1]), "extra");
    EXPECT_EQ(verdict("a", "a"), "");
}

TEST(Contents, AnyNodeMayBeTheOddOne) {
    const Contents most{{{"1"}, "a"}};
    EXPECT_EQ(differing(std::vector{most, most, Contents{}}),
              (std::vector<Suspect>{{{"1"}, {"a", "a", std::nullopt}}}));
    EXPECT_EQ(differing(std::vector{Contents{}, most, most}),
              (std::vector<Suspect>{{{"1"}, {std::nullopt, "a", "a"}}}));
}

TEST(Contents, NumbersInTheOrderOfTheirValue) {
    Contents first;
    for (const char* key : {"10", "9", "-1", "x", "100"}) first[{key, "k"}] = "v";
    std::vector<std::string> keys;
    for (const Suspect& suspect : differing(std::vector{first, Contents{}})) keys.push_back(suspect.key[0]);
    EXPECT_EQ(keys, (std::vector<std::string>{"-1", "9", "10", "100", "x"}));
}

TEST(Contents, OnlyWhatDiffersEachTimeStaysSuspect) {
    const std::vector<Suspect> before{{{"1"}, {"a", "b"}}, {{"2"}, {"a", "b"}}};
    const std::vector<Suspect> now{{{"2"}, {"c", "d"}}, {{"3"}, {"a", "b"}}};
    EXPECT_EQ(still_suspect(before, now), (std::vector<Suspect>{{{"2"}, {"c", "d"}}}));
    EXPECT_TRUE(still_suspect(before, {}).empty());
}

TEST(Contents, MovingInStep) {
    EXPECT_TRUE(moves_in_step(numbers({"10", "12"}), numbers({"20", "18"})));
    EXPECT_TRUE(moves_in_step(numbers({"10", "12"}), numbers({"12", "13"})));
    EXPECT_TRUE(moves_in_step(numbers({"-10", "-12"}), numbers({"-20", "-18"})));
}

TEST(Contents, NotInStep) {
    EXPECT_FALSE(moves_in_step(numbers({"10", "12"}), numbers({"10", "12"})));    // nothing moves
    EXPECT_FALSE(moves_in_step(numbers({"10", "500"}), numbers({"60", "550"})));  // too far behind
    EXPECT_FALSE(moves_in_step(numbers({"10", "12"}), numbers({"10", "13"})));    // one stands still
    EXPECT_FALSE(moves_in_step(numbers({"10", "x"}), numbers({"20", "y"})));      // no numbers
    EXPECT_FALSE(moves_in_step(numbers({"10", std::nullopt}), numbers({"20", "20"})));
}

TEST(Contents, KeysAsText) {
    EXPECT_EQ(to_string({"1", "x"}, std::vector<std::string>{"a", "b"}), "a=1 b=x");
    EXPECT_EQ(to_string({"1", "x"}, std::vector<std::string>{}), "1 x");
}

}  // namespace
}  // namespace pgpool::ctl::verify
