// SPDX-License-Identifier: PostgreSQL
#include "watchdog/decide/evidence.h"

#include <gtest/gtest.h>

namespace pgpool::decide {
namespace {

constexpr TimePoint kStart{seconds(1'000)};

class EvidenceTest : public testing::Test {
protected:
    // `member` finds this of node "n", now.
    void see(const std::string& member, Finding finding, const std::string& detail = "") {
        record(evidence_, {member, "n", finding, detail}, now_);
    }
    void wait(Duration time) { now_ += time; }
    // One finding of one member, every 250 ms for so long.
    void keep_seeing(const std::string& member, Finding finding, Duration time) {
        for (const TimePoint end = now_ + time; now_ < end; wait(milliseconds(250))) see(member, finding);
    }
    [[nodiscard]] Judgement judged() const { return judge(evidence_, "n", members_, rules_, now_); }
    [[nodiscard]] Opinion opinion() const { return judged().opinion; }

    Evidence evidence_;
    EvidenceRules rules_;
    std::vector<std::string> members_{"m1", "m2"};
    TimePoint now_ = kStart;
};

TEST_F(EvidenceTest, NobodyLooked) {
    EXPECT_EQ(opinion(), Opinion::Unknown);
    EXPECT_EQ(judged().reason, "no member has looked at it lately");
}

TEST_F(EvidenceTest, OneMembersWordCondemnsNobody) {
    see("m2", Finding::Well);
    for (int i = 0; i < 10; ++i) see("m1", Finding::Refused);
    EXPECT_EQ(opinion(), Opinion::Doubtful);
    EXPECT_EQ(judged().reason, "1 of 2 members hold it for gone, 2 must (m1 says refused for 0.0 s)");
}

TEST_F(EvidenceTest, TwoRefusalsOfEachCondemn) {
    see("m1", Finding::Refused);
    see("m2", Finding::Refused);
    EXPECT_EQ(opinion(), Opinion::Doubtful);
    wait(milliseconds(10));
    see("m1", Finding::Refused, "Connection refused");
    EXPECT_EQ(opinion(), Opinion::Doubtful);
    see("m2", Finding::Refused);
    EXPECT_EQ(opinion(), Opinion::Gone);
    EXPECT_NE(judged().reason.find("m1 says refused for 0.0 s: Connection refused"), std::string::npos);
}

TEST_F(EvidenceTest, OneGoodAnswerMendsIt) {
    for (const char* member : {"m1", "m2"}) keep_seeing(member, Finding::Refused, milliseconds(500));
    EXPECT_EQ(opinion(), Opinion::Gone);
    see("m1", Finding::Well);
    EXPECT_EQ(opinion(), Opinion::Doubtful);
    see("m2", Finding::Well);
    EXPECT_EQ(opinion(), Opinion::Well);
}

TEST_F(EvidenceTest, TheMajorityOfThreeDecides) {
    members_ = {"m1", "m2", "m3"};
    see("m3", Finding::Well);
    for (int i = 0; i < 2; ++i) {
        see("m1", Finding::Refused);
        see("m2", Finding::Refused);
    }
    EXPECT_EQ(opinion(), Opinion::Gone);
    EXPECT_EQ(judged().needed, 2U);
    rules_.agree = 3;
    EXPECT_EQ(opinion(), Opinion::Doubtful);
}

TEST_F(EvidenceTest, WhoIsStaleDoesNotCount) {
    see("m2", Finding::Well);
    wait(rules_.stale_after + milliseconds(1));
    see("m1", Finding::Refused);
    see("m1", Finding::Refused);
    EXPECT_EQ(opinion(), Opinion::Gone) << "m2 is silent itself, the only one that looks decides";
    EXPECT_EQ(judged().asked, 1U);
    rules_.agree = 2;
    EXPECT_EQ(opinion(), Opinion::Doubtful);
    EXPECT_EQ(judged().reason.substr(0, 54), "2 members must agree, and only 1 of 2 can be asked (m1");
    wait(rules_.stale_after + milliseconds(1));
    EXPECT_EQ(opinion(), Opinion::Unknown);
}

TEST_F(EvidenceTest, WhoIsNotInDoesNotCount) {
    see("stranger", Finding::Refused);
    see("stranger", Finding::Refused);
    see("m1", Finding::Well);
    EXPECT_EQ(opinion(), Opinion::Well);
}

TEST_F(EvidenceTest, SilenceNeedsProbesAndTime) {
    members_ = {"m1"};
    for (int i = 0; i < 10; ++i) see("m1", Finding::Silent);
    EXPECT_EQ(opinion(), Opinion::Doubtful) << "probing fast does not condemn fast";
    wait(milliseconds(500));
    EXPECT_EQ(opinion(), Opinion::Gone);
}

TEST_F(EvidenceTest, SlowClassesTakeTheirTime) {
    members_ = {"m1"};
    const std::vector<std::pair<Finding, Duration>> classes{{Finding::Hung, rules_.hung_after},
                                                            {Finding::Starting, rules_.starting_after},
                                                            {Finding::Query, rules_.query_after}};
    for (const auto& [finding, limit] : classes) {
        see("m1", Finding::Well);
        keep_seeing("m1", finding, limit - milliseconds(250));
        EXPECT_EQ(opinion(), Opinion::Doubtful) << to_string(finding);
        keep_seeing("m1", finding, milliseconds(500));
        EXPECT_EQ(opinion(), Opinion::Gone) << to_string(finding);
    }
}

TEST_F(EvidenceTest, SignsOfLifeNeverCondemn) {
    members_ = {"m1"};
    for (const Finding finding : {Finding::Auth, Finding::Busy, Finding::ReplayStuck}) {
        keep_seeing("m1", finding, seconds(60));
        EXPECT_EQ(opinion(), Opinion::Well) << to_string(finding);
    }
    EXPECT_TRUE(judged().is_stuck);
}

TEST_F(EvidenceTest, AnEndedSessionIsAReasonToLook) {
    members_ = {"m1"};
    keep_seeing("m1", Finding::SessionEnded, seconds(60));
    EXPECT_EQ(opinion(), Opinion::Doubtful);
    see("m1", Finding::Refused);
    see("m1", Finding::Refused);
    EXPECT_EQ(opinion(), Opinion::Gone);
}

TEST_F(EvidenceTest, ClassesInTurnCondemnSlowly) {
    members_ = {"m1"};
    see("m1", Finding::Well);
    const TimePoint begin = now_;
    while (now_ - begin < milliseconds(2'750)) {
        see("m1", Finding::Refused);
        wait(milliseconds(125));
        see("m1", Finding::Silent);
        wait(milliseconds(125));
        EXPECT_EQ(opinion(), Opinion::Doubtful);
    }
    wait(milliseconds(250));
    see("m1", Finding::Refused);
    EXPECT_EQ(opinion(), Opinion::Gone);
}

TEST_F(EvidenceTest, ProbesOfTheProxyCount) {
    EXPECT_EQ(finding_of(cluster::Reach::Ok), Finding::Well);
    EXPECT_EQ(finding_of(cluster::Reach::Refused), Finding::Refused);
    EXPECT_EQ(finding_of(cluster::Reach::Unreachable), Finding::Silent);
    EXPECT_EQ(finding_of(cluster::Reach::Timeout), Finding::Hung);
    EXPECT_EQ(finding_of(cluster::Reach::Auth), Finding::Auth);
    EXPECT_EQ(finding_of(cluster::Reach::Startup), Finding::Starting);
    EXPECT_EQ(finding_of(cluster::Reach::Query), Finding::Query);
}

}  // namespace
}  // namespace pgpool::decide
