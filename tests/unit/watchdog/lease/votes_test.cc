// SPDX-License-Identifier: PostgreSQL
#include "watchdog/lease/votes.h"

#include <gtest/gtest.h>

namespace pgpool::lease {
namespace {

using Witness = Votes::Witness;

VoterId voter(std::size_t index) {
    return VoterId(static_cast<std::uint16_t>(index));
}

int weight_of(const Votes& votes, unsigned set) {
    int sum = 0;
    for (std::size_t i = 0; i < votes.size(); ++i) {
        if ((set >> i & 1U) != 0) sum += votes.weight(voter(i));
    }
    return sum;
}

TEST(Votes, AnEvenSumGivesTheFirstNodeASecondVote) {
    const Votes pair(2, 2, Witness::None);
    EXPECT_EQ(pair.total(), 5);
    EXPECT_EQ(pair.quorum(), 3);
    EXPECT_EQ(pair.weight(voter(2)), 2);
    EXPECT_EQ(pair.weight(voter(3)), 1);
}

TEST(Votes, AnOddSumStaysAsItIs) {
    const Votes votes(2, 3, Witness::None);
    EXPECT_EQ(votes.total(), 5);
    EXPECT_EQ(votes.weight(voter(2)), 1);
    const Votes with_witness(2, 2, Witness::Present);
    EXPECT_EQ(with_witness.total(), 5);
    EXPECT_EQ(with_witness.weight(voter(2)), 1);
}

TEST(Votes, KnowTheKindOfEachVoter) {
    const Votes votes(2, 2, Witness::Present);
    EXPECT_EQ(votes.kind(voter(1)), VoterKind::Member);
    EXPECT_EQ(votes.kind(voter(2)), VoterKind::Node);
    EXPECT_EQ(votes.kind(voter(4)), VoterKind::Witness);
}

// All pairs of sets, for every size that is of use: what weighs a quorum on one side leaves less than one.
TEST(Votes, TwoQuorumsHaveAVoterInCommon) {
    for (std::size_t members = 1; members <= 3; ++members) {
        for (std::size_t nodes = 0; nodes <= 4; ++nodes) {
            for (const Witness witness : {Witness::None, Witness::Present}) {
                const Votes votes(members, nodes, witness);
                const unsigned everybody = (1U << votes.size()) - 1;
                ASSERT_GE(weight_of(votes, everybody), votes.quorum()) << "all together can decide";
                for (unsigned set = 0; set <= everybody; ++set) {
                    if (weight_of(votes, set) < votes.quorum()) continue;
                    ASSERT_LT(weight_of(votes, everybody & ~set), votes.quorum())
                        << members << " members, " << nodes << " nodes, set " << set;
                }
            }
        }
    }
}

// With the sum odd there is no split in which neither side can go on.
TEST(Votes, OneSideOfEverySplitHasAQuorum) {
    const Votes votes(2, 2, Witness::None);
    for (unsigned set = 0; set < 16; ++set) {
        const bool here = weight_of(votes, set) >= votes.quorum();
        const bool there = weight_of(votes, 15U & ~set) >= votes.quorum();
        EXPECT_NE(here, there) << set;
    }
}

}  // namespace
}  // namespace pgpool::lease
