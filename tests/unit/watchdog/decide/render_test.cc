// SPDX-License-Identifier: PostgreSQL
#include "watchdog/decide/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgpool::decide {
namespace {

using testing::HasSubstr;

TEST(Render, Guards) {
    EXPECT_EQ(describe(Guard{}), "always");
    EXPECT_EQ(describe(Guard{{Fact::PrimaryGone}, {Fact::OnHold}}), "primary gone, not on hold");
    EXPECT_EQ(describe(Guard{{}, {Fact::PrimaryWell, Fact::PrimaryGone}}),
              "not primary well, not primary gone");
}

TEST(Render, ActionsInTheirOrder) {
    EXPECT_EQ(describe(ActionSet{Action::RunHooks, Action::Promote, Action::RaiseEpoch}),
              "raise epoch, promote, run hooks");
    EXPECT_EQ(describe(ActionSet{}), "nothing");
}

TEST(Render, EveryRowAndPhaseIsInBoth) {
    const std::string text = table_as_text();
    const std::string diagram = table_as_mermaid();
    for (const Transition& row : transitions()) {
        EXPECT_THAT(text, HasSubstr("  " + std::string(row.id) + "  on "));
        EXPECT_THAT(text, HasSubstr(std::string(row.comment)));
        EXPECT_THAT(diagram, HasSubstr(": " + std::string(row.id) + " "));
    }
    for (const PhaseInfo& phase : phases())
        EXPECT_THAT(text, HasSubstr("\n" + std::string(phase.name) + ": "));
    EXPECT_THAT(text, HasSubstr("cutting: the standbys are cut off from the old primary (deadline 500 ms)\n"
                                "  X1  on done or failed or deadline\n      if always\n      do measure\n"
                                "      then measuring: those that could not be cut off do not count\n"));
    EXPECT_THAT(diagram, HasSubstr("    catching_up --> promoting: Q1 done [not target lost]\n"));
}

TEST(Render, OneLineOfHistory) {
    const HistoryEntry entry{WallTime(seconds(0)),
                             3,
                             "M1",
                             Event::Done,
                             Phase::Measuring,
                             Phase::Promoting,
                             {Fact::Lease, Fact::PrimaryGone},
                             "it is best"};
    EXPECT_EQ(describe(entry),
              "1970-01-01 00:00:00 UTC  epoch 3  M1  measuring -> promoting  on done  because it is best  "
              "[lease, primary gone]");
}

}  // namespace
}  // namespace pgpool::decide
