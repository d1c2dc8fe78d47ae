// SPDX-License-Identifier: PostgreSQL
#include "common/wire/message_boundary.h"

#include <gtest/gtest.h>

#include "common/wire/encoder.h"

namespace pgpool::wire {
namespace {

std::string copy_data(std::size_t body) {
    std::string bytes;
    append_frame(bytes, backend::kCopyData, std::string(body, 'w'));
    return bytes;
}

TEST(MessageBoundary, IsBetweenMessagesBeforeTheFirstByte) {
    const MessageBoundary boundary;
    EXPECT_TRUE(boundary.between_messages());
    EXPECT_EQ(boundary.last_type(), 0);
    EXPECT_EQ(boundary.rest_of_message(copy_data(3)), 0U);
}

TEST(MessageBoundary, KnowsTheEndOfEachMessageHoweverTheBytesAreCut) {
    const std::string bytes = copy_data(7) + copy_data(0) + copy_data(1);
    const std::size_t first = copy_data(7).size();
    const std::size_t second = first + copy_data(0).size();
    for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
        MessageBoundary boundary;
        for (std::size_t at = 0; at < bytes.size(); at += piece) {
            boundary.pass(bytes.substr(at, piece));
            const std::size_t passed = std::min(at + piece, bytes.size());
            const bool is_end = passed == first || passed == second || passed == bytes.size();
            EXPECT_EQ(boundary.between_messages(), is_end) << "after " << passed;
        }
    }
}

TEST(MessageBoundary, TellsHowMuchBelongsToTheMessageThatHasBegun) {
    const std::string bytes = copy_data(7) + copy_data(9);
    const std::size_t first = copy_data(7).size();
    for (std::size_t passed = 1; passed < first; ++passed) {
        MessageBoundary boundary;
        boundary.pass(bytes.substr(0, passed));
        EXPECT_EQ(boundary.rest_of_message(bytes.substr(passed)), first - passed);
        EXPECT_EQ(boundary.rest_of_message(bytes.substr(passed, 1)), 1U);
    }
}

TEST(MessageBoundary, RemembersTheTypeOfTheLastMessage) {
    std::string bytes = copy_data(2);
    append_command_complete(bytes, "COPY 0");
    MessageBoundary boundary;
    boundary.pass(bytes.substr(0, copy_data(2).size()));
    EXPECT_EQ(boundary.last_type(), backend::kCopyData);
    boundary.pass(bytes.substr(copy_data(2).size(), 1));
    EXPECT_EQ(boundary.last_type(), backend::kCommandComplete);
}

// Lengths below four do not exist; bytes that pass unread must not make an endless loop of one.
TEST(MessageBoundary, TakesALengthThatIsTooSmallForNoBody) {
    MessageBoundary boundary;
    boundary.pass(ByteView("d\0\0\0\0", 5));
    EXPECT_TRUE(boundary.between_messages());
}

}  // namespace
}  // namespace pgpool::wire
