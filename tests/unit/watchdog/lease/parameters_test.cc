// SPDX-License-Identifier: PostgreSQL
#include "watchdog/lease/parameters.h"

#include <gtest/gtest.h>

namespace pgpool::lease {
namespace {

using std::chrono::milliseconds;

TEST(Parameters, TheDefaultsHold) {
    EXPECT_EQ(Parameters{}.check(), std::nullopt);
}

TEST(Parameters, TheWideAreaProfileHolds) {
    Parameters slow;
    slow.session_timeout = milliseconds(3'000);
    slow.renew = milliseconds(900);
    slow.lease = milliseconds(6'000);
    slow.attempt = milliseconds(4'000);
    slow.yield = milliseconds(9'000);
    EXPECT_EQ(slow.check(), std::nullopt);
}

struct Broken {
    void (*change)(Parameters&);
    const char* said;
};

class ParametersBroken : public testing::TestWithParam<Broken> {};

TEST_P(ParametersBroken, IsNamed) {
    Parameters parameters;
    GetParam().change(parameters);
    const auto broken = parameters.check();
    ASSERT_TRUE(broken) << GetParam().said;
    EXPECT_EQ(broken->substr(0, std::string_view(GetParam().said).size()), GetParam().said);
}

INSTANTIATE_TEST_SUITE_P(
    Each, ParametersBroken,
    testing::Values(Broken{[](Parameters& p) { p.renew = {}; }, "renew must"},
                    Broken{[](Parameters& p) { p.misses = 0; }, "misses must"},
                    Broken{[](Parameters& p) { p.drift_ppm = 200'000; }, "drift_ppm must"},
                    Broken{[](Parameters& p) { p.drift_ppm = -1; }, "drift_ppm must"},
                    Broken{[](Parameters& p) { p.renew = milliseconds(400); }, "2 * renew must"},
                    Broken{[](Parameters& p) { p.misses = 4; }, "misses * renew must"},
                    Broken{[](Parameters& p) { p.lease = milliseconds(900); }, "session_timeout + renew"},
                    Broken{[](Parameters& p) { p.session_timeout = milliseconds(1'700); },
                           "session_timeout + renew"},
                    Broken{[](Parameters& p) { p.backoff_min = milliseconds(200); }, "backoff_min must"},
                    Broken{[](Parameters& p) { p.vacant_backoff = {}; }, "vacant_backoff must"},
                    Broken{[](Parameters& p) { p.attempt = milliseconds(120); }, "backoff_max must"},
                    Broken{[](Parameters& p) { p.attempt = milliseconds(700); }, "session_timeout must"},
                    Broken{[](Parameters& p) { p.yield = milliseconds(1'000); }, "yield must"}));

// Two clocks that are apart by the drift: what the slow one calls shortened is over when the fast one's time
// is.
TEST(Parameters, TheShortenedTimeOfASlowClockEndsBeforeThatOfAFastOne) {
    const Parameters parameters;
    const double half = parameters.drift_ppm / 2e6;
    const auto lease = static_cast<double>(parameters.lease.count());
    const auto shortened = static_cast<double>(parameters.shortened(parameters.lease).count());
    EXPECT_LE(shortened / (1 - half), lease / (1 + half));
}

TEST(Parameters, TheLengthenedTimeOfAFastClockEndsAfterThatOfASlowOne) {
    const Parameters parameters;
    const double half = parameters.drift_ppm / 2e6;
    const auto timeout = static_cast<double>(parameters.session_timeout.count());
    const auto lengthened = static_cast<double>(parameters.lengthened(parameters.session_timeout).count());
    EXPECT_GE(lengthened / (1 + half), timeout / (1 - half));
}

}  // namespace
}  // namespace pgpool::lease
