// SPDX-License-Identifier: PostgreSQL
#pragma once

// A message of the bus as libqb carries it: libqb's header (id, size, error; 24 bytes in both directions),
// then the message.

#include <cstddef>
#include <memory>
#include <string>

#include "common/base/bytes.h"
#include "common/base/error.h"
#include "common/bus/codec.h"

namespace pgpool::ipc {

inline constexpr std::size_t kFrameHeader = 24;
inline constexpr std::size_t kFrameLimit = kFrameHeader + bus::kMessageLimit;

// Shared, because the hub sends the same bytes to many.
using Frame = std::shared_ptr<const std::string>;

[[nodiscard]] Result<Frame> to_frame(const bus::Message& message);

// Whether a datagram that begins with `head` and has `size` bytes in all is a frame: libqb believes the size
// in the header and reads that much, whatever came and whatever its buffer holds.
[[nodiscard]] bool is_frame(ByteView head, std::size_t size);

// The message in it. REQUIRES: is_frame().
[[nodiscard]] ByteView message_in(ByteView frame);

// The name of the hub of this appliance member, for libqb. An instance is what tells members on one host
// apart; an error if the name would not be usable in the names that libqb makes of it.
[[nodiscard]] Result<std::string> service_name(std::string_view instance);

}  // namespace pgpool::ipc
