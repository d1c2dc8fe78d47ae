// SPDX-License-Identifier: PostgreSQL
#include "proxy/member/reporting_decider.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pgpool::member {
namespace {

// Writes down what it is told.
class Keeper final : public cluster::Decider {
public:
    std::vector<std::string> told;

    void report(NodeId node, std::uint64_t epoch, cluster::Sign /*sign*/, std::string reason) override {
        told.push_back("report " + std::to_string(node.value) + " " + std::to_string(epoch) + " " + reason);
    }
    void mark_refused(std::uint64_t epoch) override { told.push_back("mark " + std::to_string(epoch)); }
    void prepared_left(std::uint64_t epoch) override { told.push_back("left " + std::to_string(epoch)); }
    void attach(std::string name, cluster::Proof /*proof*/, Done done) override {
        told.push_back("attach " + name);
        done("attached");
    }
    void detach(std::string name, std::string reason, Done done) override {
        told.push_back("detach " + name + " " + reason);
        done("detached");
    }
};

TEST(ReportingDecider, TheKeeperHearsAllAndTheWatchdogWhatFailed) {
    Keeper keeper;
    std::vector<std::string> observed;
    ReportingDecider decider(
        keeper, [&](NodeId node, std::uint64_t epoch, cluster::Sign sign, const std::string& reason) {
            observed.push_back(std::to_string(node.value) + " " + std::to_string(epoch) + " " +
                               (sign == cluster::Sign::Unequal ? "unequal " : "") + reason);
        });
    int done = 0;
    const auto count = [&done](const Result<std::string>& /*what*/) { ++done; };
    decider.report(NodeId(2), 7, cluster::Sign::Unequal, "why");
    decider.mark_refused(8);
    decider.prepared_left(9);
    decider.attach("n1", cluster::Proof::None, count);
    decider.detach("n2", "no", count);
    EXPECT_EQ(keeper.told,
              (std::vector<std::string>{"report 2 7 why", "mark 8", "left 9", "attach n1", "detach n2 no"}));
    EXPECT_EQ(observed, std::vector<std::string>{"2 7 unequal why"});
    EXPECT_EQ(done, 2);
}

}  // namespace
}  // namespace pgpool::member
