// SPDX-License-Identifier: PostgreSQL
#pragma once

// The Internet checksum (RFC 1071), alone and over a pseudo header (RFC 9293 for IPv4, RFC 8200 for IPv6).

#include <cstdint>

#include "common/base/bytes.h"

namespace pgpool::vip {

// Of bytes in which the checksum's own field is zero. Over bytes with a right checksum it is 0.
[[nodiscard]] std::uint16_t checksum(ByteView bytes);

// The same with the bytes of two addresses, the length and the protocol in front.
[[nodiscard]] std::uint16_t checksum_with_pseudo_header(ByteView source, ByteView destination,
                                                        std::uint8_t protocol, ByteView payload);

}  // namespace pgpool::vip
