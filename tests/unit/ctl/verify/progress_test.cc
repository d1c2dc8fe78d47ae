// SPDX-License-Identifier: PostgreSQL
#include "ctl/verify/progress.h"

#include <gtest/gtest.h>

namespace pgpool::ctl::verify {
namespace {

TEST(ProgressLine, Parts) {
    EXPECT_EQ(progress_line("app", "s.t", 1, 2, 79), "app [###############               ]  50% s.t");
    EXPECT_EQ(progress_line("app", "s.t", 0, 0, 79), "app [                              ]   0% s.t");
}

TEST(ProgressLine, EstimatesMayBeTooLow) {
    EXPECT_EQ(progress_line("a", "t", 7, 2, 79), "a [##############################] 100% t");
}

TEST(ProgressLine, IsCut) {
    EXPECT_EQ(progress_line("app", std::string(100, 'x'), 1, 2, 60).size(), 60U);
}

}  // namespace
}  // namespace pgpool::ctl::verify
