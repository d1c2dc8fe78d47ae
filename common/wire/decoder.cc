// SPDX-License-Identifier: PostgreSQL
#include "common/wire/decoder.h"

#include <algorithm>

namespace pgpool::wire {

namespace {
constexpr std::uint32_t kMinLength = 4;
constexpr std::uint32_t kMaxLength = 0x3fffffff;
}  // namespace

FrameResult next_frame(ByteView bytes) {
    if (bytes.size() < kFrameHeader) return {{}, FrameError::NeedMore};
    const std::uint32_t length = load_be32(bytes.data() + 1);
    if (length < kMinLength || length > kMaxLength) return {{}, FrameError::BadLength};
    const std::uint64_t size = std::uint64_t{length} + 1;
    const std::size_t available = std::min<std::uint64_t>(size, bytes.size());
    return {
        {bytes[0], bytes.substr(kFrameHeader, available - kFrameHeader), bytes.substr(0, available), size},
        {}};
}

}  // namespace pgpool::wire
