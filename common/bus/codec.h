// SPDX-License-Identifier: PostgreSQL
#pragma once

// Messages of the bus as bytes and back. Pure, total: whatever the bytes are, decode() gives a message, says
// that it does not know it, or gives an error that names message, field and offset.
//
// A message is its type in two bytes, two bytes that are zero, and its fields (fields.h), at most
// kMessageLimit in all. Between minor versions: what stands behind the fields that a reader knows is skipped,
// an enumerator that it does not know becomes the harmless one, and a type that it does not know is
// `Unknown`, to be counted and otherwise ignored.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "common/base/bytes.h"
#include "common/base/error.h"
#include "common/bus/messages.h"

namespace pgpool::bus {

inline constexpr std::size_t kMessageLimit = 64UL * 1024;

// A type of a newer version.
struct Unknown {
    std::uint16_t type = 0;
};
using Decoded = std::variant<Message, Unknown>;

[[nodiscard]] Result<std::string> encode(const Message& message);
[[nodiscard]] Result<Decoded> decode(ByteView bytes);

// "Topology"
[[nodiscard]] const char* type_name(const Message& message);
// "held"
[[nodiscard]] std::string_view to_string(VipPhase phase);

}  // namespace pgpool::bus
