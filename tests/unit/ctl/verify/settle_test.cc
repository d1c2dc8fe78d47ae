// SPDX-License-Identifier: PostgreSQL
#include "ctl/verify/settle.h"

#include <gtest/gtest.h>

namespace pgpool::ctl::verify {
namespace {

// Looks that were prepared, one after the other.
class Looks {
public:
    explicit Looks(std::vector<std::vector<Contents>> looks) : looks_(std::move(looks)) {}

    Lister lister() {
        return [this](const std::vector<Suspect>& suspects) -> Answer<std::vector<Contents>> {
            asked_.push_back(suspects.size());
            return looks_[std::min(asked_.size(), looks_.size()) - 1];
        };
    }
    [[nodiscard]] const std::vector<std::size_t>& asked() const { return asked_; }

private:
    std::vector<std::vector<Contents>> looks_;
    std::vector<std::size_t> asked_;  // suspects of each look
};

Patience patience(std::uint32_t tries, Excuse excuse = nullptr, std::size_t few = 0) {
    return {tries, excuse, few, milliseconds(0)};
}

const Contents kOne{{{"1"}, "a"}};
const Contents kOther{{{"1"}, "b"}};

TEST(Settle, EqualAtTheFirstLook) {
    Looks looks({{kOne, kOne}});
    EXPECT_TRUE(settle(looks.lister(), patience(3))->empty());
    EXPECT_EQ(looks.asked().size(), 1U);
}

TEST(Settle, EqualAtTheSecondLook) {
    Looks looks({{kOne, kOther}, {kOther, kOther}});
    EXPECT_TRUE(settle(looks.lister(), patience(3))->empty());
    EXPECT_EQ(looks.asked(), (std::vector<std::size_t>{0, 1}));
}

TEST(Settle, NeverEqual) {
    Looks looks({{kOne, kOther}});
    EXPECT_EQ(settle(looks.lister(), patience(1))->size(), 1U);
    EXPECT_EQ(looks.asked().size(), 2U);
}

TEST(Settle, FewAreLookedAtSeveralTimesInATry) {
    std::vector<std::vector<Contents>> hot(10, {kOne, kOther});
    hot.push_back({kOther, kOther});
    Looks looks(hot);
    EXPECT_TRUE(settle(looks.lister(), patience(1, nullptr, 1))->empty());
    EXPECT_EQ(looks.asked().size(), hot.size());
}

TEST(Settle, MoreThanFewAreLookedAtOnceInATry) {
    const Contents two_rows{{{"1"}, "b"}, {{"2"}, "b"}};
    Looks looks({{Contents{}, two_rows}});
    EXPECT_EQ(settle(looks.lister(), patience(3, nullptr, 1))->size(), 2U);
    EXPECT_EQ(looks.asked().size(), 4U);
}

TEST(Settle, Excused) {
    Looks looks(
        {{Contents{{{"s"}, "1"}}, Contents{{{"s"}, "2"}}}, {Contents{{{"s"}, "4"}}, Contents{{{"s"}, "3"}}}});
    EXPECT_TRUE(settle(looks.lister(), patience(3, moves_in_step))->empty());
    EXPECT_EQ(looks.asked().size(), 2U);
}

TEST(Settle, RefusalEndsIt) {
    const Lister refuse = [](const std::vector<Suspect>&) -> Answer<std::vector<Contents>> {
        return tl::unexpected(Refusal{"n2", {}});
    };
    EXPECT_FALSE(settle(refuse, patience(3)));
}

TEST(Settle, ContentsOfRows) {
    const std::vector<pg::Rows> answers{pg::Rows(3, {"1", "x", "h1", "2", "y", "h2"}), pg::Rows()};
    EXPECT_EQ(contents_of(answers, 2), (std::vector<Contents>{{{{"1", "x"}, "h1"}, {{"2", "y"}, "h2"}}, {}}));
}

}  // namespace
}  // namespace pgpool::ctl::verify
