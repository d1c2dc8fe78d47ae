// SPDX-License-Identifier: PostgreSQL
#pragma once

// MessageBoundary: where messages begin and end in bytes that are passed on unread, cut anywhere: who has
// something to say of its own must say it between two messages.

#include <array>
#include <cstdint>

#include "common/wire/decoder.h"

namespace pgpool::wire {

class MessageBoundary {
public:
    void pass(ByteView bytes);  // these come next
    [[nodiscard]] bool between_messages() const { return header_size_ == 0 && body_left_ == 0; }
    // How many of these bytes, which come next, belong to the message that has begun.
    [[nodiscard]] std::size_t rest_of_message(ByteView bytes) const;
    [[nodiscard]] char last_type() const { return last_type_; }  // of the last message that began; 0: none

private:
    [[nodiscard]] std::size_t step(ByteView bytes);  // at most to the end of a header or a body

    std::array<char, kFrameHeader> header_{};
    std::size_t header_size_ = 0;  // what has come of a header that is not complete
    std::uint64_t body_left_ = 0;
    char last_type_ = 0;
};

}  // namespace pgpool::wire
