// SPDX-License-Identifier: PostgreSQL
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "watchdog/server/group_link.h"
#include "watchdog/server/quota.h"

namespace pgpool::watchdog {
namespace {

constexpr group::Process kSelf{1, 11};

class DeliveriesTest : public testing::Test {
protected:
    // What was told since the last time: messages as they are, "view" and "lost".
    std::vector<std::string> told() {
        std::vector<std::string> all;
        for (const Event& event : inbox.take()) {
            if (const auto* what = std::get_if<event::Delivered>(&event)) all.push_back(what->bytes);
            if (std::holds_alternative<event::ViewChanged>(event)) all.emplace_back("view");
            if (std::holds_alternative<event::GroupLost>(event)) all.emplace_back("lost");
        }
        return all;
    }
    using Words = std::vector<std::string>;

    Inbox inbox{2};
    Words reasons;
    Deliveries deliveries{inbox, [this](std::string reason) { reasons.push_back(std::move(reason)); }};
};

TEST_F(DeliveriesTest, AfterAMessageThatIsLostNothingComesBeforeTheNextView) {
    deliveries.view_changed({}, kSelf);
    deliveries.delivered(kSelf, "a");
    EXPECT_TRUE(reasons.empty());
    deliveries.delivered(kSelf, "b");
    deliveries.delivered(kSelf, "c");
    EXPECT_EQ(reasons.size(), 1U) << "once";
    EXPECT_EQ(told(), (Words{"view", "a"}));
    deliveries.delivered(kSelf, "d");
    EXPECT_TRUE(told().empty()) << "there is room, but something is missing before it";
    deliveries.view_changed({}, kSelf);
    deliveries.delivered(kSelf, "e");
    EXPECT_EQ(told(), (Words{"view", "e"}));
}

TEST_F(DeliveriesTest, ViewsAndTheLossOfTheGroupAreNeverLost) {
    deliveries.view_changed({}, kSelf);
    deliveries.view_changed({}, kSelf);
    deliveries.lost("gone");
    deliveries.view_changed({}, kSelf);
    EXPECT_EQ(told(), (Words{"view", "view", "lost", "view"}));
    EXPECT_TRUE(reasons.empty());
}

TEST(Quota, HasAPlaceForEachMessageUntilItIsRead) {
    Quota quota(2);
    Quota::Place first = quota.take();
    const Quota::Place second = quota.take();
    EXPECT_TRUE(first && second);
    EXPECT_FALSE(quota.take());
    const Quota::Place copy = first;
    first.reset();
    EXPECT_FALSE(quota.take()) << "a copy is left";
}

TEST(Quota, PlacesAreGivenBackThoughItIsGone) {
    Quota::Place place;
    {
        Quota quota(1);
        place = quota.take();
        place.reset();
        place = quota.take();
        EXPECT_TRUE(place);
    }
    place.reset();
}

}  // namespace
}  // namespace pgpool::watchdog
