// SPDX-License-Identifier: PostgreSQL
#pragma once

// Framing: finds the next message in a run of bytes. A message is a type byte, an Int32 length that counts
// itself but not the type, and a body (PG documentation 55.2). Nothing is copied and nothing is buffered
// here.

#include <cstdint>
#include <optional>

#include "common/base/bytes.h"

namespace pgpool::wire {

inline constexpr std::size_t kFrameHeader = 5;

// A borrowed message; valid as long as the bytes it was found in.
struct Frame {
    char type = 0;
    ByteView body;           // what is there of the body
    ByteView bytes;          // header and what is there of the body
    std::uint64_t size = 0;  // of the whole message, header included

    [[nodiscard]] bool complete() const { return bytes.size() == size; }
};

enum class FrameError : std::uint8_t { NeedMore, BadLength };

// The message at the start of `bytes`, perhaps cut off. NeedMore: fewer than five bytes are there. BadLength:
// the length field is below 4 or above 2^30, PostgreSQL's own bound (MaxAllocSize).
struct FrameResult {
    Frame frame;
    std::optional<FrameError> error;
};
[[nodiscard]] inline FrameResult next_frame(ByteView bytes) {
    constexpr std::uint32_t kMinLength = 4;
    constexpr std::uint32_t kMaxLength = 0x3fffffff;
    if (bytes.size() < kFrameHeader) return {{}, FrameError::NeedMore};
    const std::uint32_t length = load_be32(bytes.data() + 1);
    if (length < kMinLength || length > kMaxLength) return {{}, FrameError::BadLength};
    const std::uint64_t size = std::uint64_t{length} + 1;
    const ByteView all = size < bytes.size() ? ByteView(bytes.data(), size) : bytes;
    return {{bytes[0], ByteView(all.data() + kFrameHeader, all.size() - kFrameHeader), all, size}, {}};
}

// Walks over messages that were found before: takes the first of them off `rest`; nothing: none is left. The
// last may be cut off.
[[nodiscard]] inline std::optional<Frame> take_frame(ByteView& rest) {
    if (rest.empty()) return std::nullopt;
    const Frame frame = next_frame(rest).frame;
    rest.remove_prefix(frame.bytes.size());
    return frame;
}

}  // namespace pgpool::wire
