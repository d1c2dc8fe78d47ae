// SPDX-License-Identifier: PostgreSQL
// The Holder on an interface of a network namespace of its own; mandates that move. Needs root.
#include "vip/holder/holder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <condition_variable>
#include <cstdlib>
#include <mutex>

#include "common/page/boot_now.h"

namespace pgpool::vip {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

const VirtualAddress kV4 = *VirtualAddress::make("10.77.0.100", "left");
const VirtualAddress kV6 = *VirtualAddress::make("fd77::100", "left");
constexpr BootDuration kLong = 20s;  // no test takes so long

class Events final : public Observer {
public:
    void on_event(const VirtualAddress& address, const Event& event) override {
        const std::lock_guard lock(mutex_);
        texts_.push_back(address.address.text() + " " + std::string(to_string(event.kind)) +
                         (event.reason == Reason::None ? "" : " " + std::string(to_string(event.reason))));
        changed_.notify_all();
    }
    // All of them, once there are so many.
    std::vector<std::string> wait(std::size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, 10s, [&] { return texts_.size() >= count; });
        return texts_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> texts_;
};

void run(const char* command) {
    ASSERT_EQ(std::system(command), 0) << command;
}

// Each test in a namespace of its own, with the two ends of a cable: `left` and `right`.
class HolderTest : public ::testing::Test {
protected:
    void SetUp() override {
        if (::unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "needs root";
        run("ip link add left type veth peer name right && ip link set left up && ip link set right up");
    }

    std::unique_ptr<Holder> start(std::vector<VirtualAddress> addresses, Mandates mandates) {
        auto holder = Holder::start(addresses, config::Vip(), std::move(mandates), Effect::Real, events_);
        EXPECT_TRUE(holder.has_value()) << holder.error().message;
        return std::move(*holder);
    }
    static std::vector<std::string> on_host() {
        std::vector<std::string> texts;
        auto table = AddressTable::open();
        const auto found = table->ours();
        for (const OwnAddress& own : *found) texts.push_back(own.where.text());
        return texts;
    }

    Events events_;
};

TEST_F(HolderTest, HoldsUntilItIsAskedToLetGo) {
    const PublishedDeadline mandate(page::boot_now() + kLong);
    const auto holder = start({kV4, kV6}, {&mandate});
    EXPECT_THAT(on_host(), IsEmpty());
    holder->take(Approach::Probe);
    EXPECT_THAT(events_.wait(2), ElementsAre("10.77.0.100 taken", "fd77::100 taken"));
    EXPECT_THAT(on_host(), UnorderedElementsAre(kV4.text(), kV6.text()));
    holder->release();
    EXPECT_THAT(events_.wait(4), ElementsAre("10.77.0.100 taken", "fd77::100 taken",
                                             "10.77.0.100 released asked", "fd77::100 released asked"));
    EXPECT_THAT(on_host(), IsEmpty());
}

TEST_F(HolderTest, CanTakeAgain) {
    const PublishedDeadline mandate(page::boot_now() + kLong);
    const auto holder = start({kV4}, {&mandate});
    for (std::size_t i = 0; i < 6; i += 2) {
        holder->take(Approach::Graceful);
        ASSERT_EQ(events_.wait(i + 1).size(), i + 1);
        holder->release();
        ASSERT_EQ(events_.wait(i + 2).size(), i + 2);
    }
}

TEST_F(HolderTest, OtherAddressesMayBeAssignedWhileSomeAreHeld) {
    const PublishedDeadline mandate(page::boot_now() + kLong);
    const auto holder = start({kV4}, {&mandate});
    holder->take(Approach::Graceful);
    EXPECT_THAT(events_.wait(1), ElementsAre("10.77.0.100 taken"));
    holder->assign({kV4, kV6}, config::Vip());
    holder->take(Approach::Probe);
    EXPECT_THAT(events_.wait(2), ElementsAre("10.77.0.100 taken", "fd77::100 taken"));
    holder->assign({kV6}, config::Vip());
    EXPECT_EQ(events_.wait(3).back(), "10.77.0.100 released asked");
    EXPECT_THAT(on_host(), ElementsAre(kV6.text()));
    holder->release();
    EXPECT_EQ(events_.wait(4).back(), "fd77::100 released asked");
}

TEST_F(HolderTest, IsAwakeOnceASecondAtLeast) {
    const auto holder = start({kV4}, {});
    const BootTime began = page::boot_now();
    while (holder->last_turn() < began + 1s && page::boot_now() < began + 5s)
        std::this_thread::sleep_for(10ms);
    EXPECT_GE(holder->last_turn(), began + 1s);
}

TEST_F(HolderTest, OfTwoWishesTheLastCounts) {
    const PublishedDeadline mandate(page::boot_now() + kLong);
    const auto holder = start({kV4}, {&mandate});
    holder->take(Approach::Probe);
    holder->release();  // before or after the first is begun
    const std::string last = events_.wait(1).back();
    EXPECT_TRUE(last == "10.77.0.100 released asked" || last == "10.77.0.100 refused asked") << last;
    EXPECT_THAT(on_host(), IsEmpty());
}

TEST_F(HolderTest, ItsEndLetsGo) {
    const PublishedDeadline mandate(page::boot_now() + kLong);
    auto holder = start({kV4, kV6}, {&mandate});
    holder->take(Approach::Graceful);
    ASSERT_EQ(events_.wait(2).size(), 2U);
    holder.reset();
    EXPECT_EQ(events_.wait(4).size(), 4U);
    EXPECT_THAT(on_host(), IsEmpty());
}

TEST_F(HolderTest, AWithdrawnMandateEndsItWithinARefresh) {
    PublishedDeadline lease(page::boot_now() + kLong);
    PublishedDeadline life(page::boot_now() + kLong);
    const auto holder = start({kV4}, {&lease, &life});
    holder->take(Approach::Graceful);
    ASSERT_EQ(events_.wait(1).size(), 1U);
    const BootTime withdrawn = page::boot_now();
    life.set(BootTime());  // one of two
    EXPECT_THAT(events_.wait(2), ElementsAre("10.77.0.100 taken", "10.77.0.100 released mandate_ended"));
    EXPECT_LT(page::boot_now() - withdrawn, 600ms);
    EXPECT_THAT(on_host(), IsEmpty());
    holder->take(Approach::Graceful);
    EXPECT_EQ(events_.wait(3).back(), "10.77.0.100 refused no_mandate");
}

TEST_F(HolderTest, AMandateThatIsRenewedInTimeIsEnough) {
    PublishedDeadline lease(page::boot_now() + 1600ms);
    const auto holder = start({kV4}, {&lease});
    holder->take(Approach::Graceful);
    ASSERT_EQ(events_.wait(1).size(), 1U);
    for (const BootTime end = page::boot_now() + 3s; page::boot_now() < end;
         std::this_thread::sleep_for(100ms))
        lease.set(page::boot_now() + 1600ms);
    EXPECT_THAT(on_host(), ElementsAre(kV4.text()));
    const BootTime deadline = lease.deadline();
    EXPECT_EQ(events_.wait(2).back(), "10.77.0.100 released mandate_ended");
    EXPECT_LT(page::boot_now(), deadline);
    EXPECT_THAT(on_host(), IsEmpty());
}

TEST_F(HolderTest, OneAddressMayBeRefusedAndAnotherTaken) {
    run("ip address add 10.77.0.100/32 dev right");  // somebody has it here
    const PublishedDeadline mandate(page::boot_now() + kLong);
    const auto holder = start({kV4, kV6}, {&mandate});
    holder->take(Approach::Probe);
    EXPECT_THAT(events_.wait(2), UnorderedElementsAre("10.77.0.100 refused configured", "fd77::100 taken"));
    EXPECT_THAT(on_host(), ElementsAre(kV6.text()));
}

TEST_F(HolderTest, AnInterfaceThatVanishesTakesItAlong) {
    const PublishedDeadline mandate(page::boot_now() + kLong);
    const auto holder = start({kV4}, {&mandate});
    holder->take(Approach::Graceful);
    ASSERT_EQ(events_.wait(1).size(), 1U);
    run("ip link delete left");
    EXPECT_EQ(events_.wait(2).back().substr(0, 16), "10.77.0.100 lost");
    holder->take(Approach::Graceful);
    EXPECT_EQ(events_.wait(3).back(), "10.77.0.100 refused link_down");
}

TEST_F(HolderTest, StaleAddressesAreRemoved) {
    auto table = AddressTable::open();
    ASSERT_TRUE(table->put(kV4, 60s).has_value());
    ASSERT_TRUE(table->put(kV6, 60s).has_value());
    run("ip address add 10.77.0.7/24 dev left && ip address add fd77::7/64 dev left nodad");
    EXPECT_EQ(remove_stale(Effect::DryRun)->size(), 2U);
    EXPECT_EQ(on_host().size(), 2U);
    EXPECT_EQ(remove_stale(Effect::Real)->size(), 2U);
    EXPECT_THAT(on_host(), IsEmpty());
    run("ip address show dev left | grep -q 10.77.0.7/24 && ip address show dev left | grep -q fd77::7/64");
    EXPECT_TRUE(table->remove(kV4).has_value());  // it is gone already
}

}  // namespace
}  // namespace pgpool::vip
