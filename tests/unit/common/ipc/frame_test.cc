// SPDX-License-Identifier: PostgreSQL
#include "common/ipc/frame.h"

#include <gtest/gtest.h>

#include <cstring>

namespace pgpool::ipc {
namespace {

std::string header(std::int32_t id, std::int32_t size) {
    std::string bytes(kFrameHeader, '\0');
    std::memcpy(bytes.data(), &id, sizeof id);
    std::memcpy(bytes.data() + 8, &size, sizeof size);
    return bytes;
}

TEST(BusFrame, AMessageComesBack) {
    const bus::Message message = bus::Refusal{.reason = "no"};
    const Frame frame = to_frame(message).value();
    ASSERT_TRUE(is_frame(ByteView(*frame).substr(0, kFrameHeader), frame->size()));
    EXPECT_TRUE(std::get<bus::Message>(bus::decode(message_in(*frame)).value()) == message);
}

TEST(BusFrame, ALimitThatAMessageBreaksIsAnError) {
    EXPECT_FALSE(to_frame(bus::Hello{.program = std::string(300, 'x')}));
}

TEST(BusFrame, TheHeaderMustTellTheTruth) {
    EXPECT_TRUE(is_frame(header(0, 24), 24));
    EXPECT_TRUE(is_frame(header(0, 65560), 65560));
    EXPECT_FALSE(is_frame(header(0, 65561), 65561)) << "longer than any message";
    EXPECT_FALSE(is_frame(header(0, 25), 24));
    EXPECT_FALSE(is_frame(header(0, 24), 25));
    EXPECT_FALSE(is_frame(header(0, -1), 24));
    EXPECT_FALSE(is_frame(header(-1, 24), 24)) << "libqb's own";
    EXPECT_FALSE(is_frame(header(0, 16).substr(0, 16), 16)) << "no room for the header";
    EXPECT_FALSE(is_frame("", 0));
}

TEST(BusFrame, NamesOfHubsFitIntoWhatLibqbMakesOfThem) {
    EXPECT_EQ(service_name("main").value(), "pgpool-bus.main");
    EXPECT_TRUE(service_name(std::string(32, 'a')));
    for (const std::string& instance :
         {std::string(), std::string(33, 'a'), std::string("a/b"), std::string("a b")}) {
        EXPECT_FALSE(service_name(instance)) << instance;
    }
}

}  // namespace
}  // namespace pgpool::ipc
