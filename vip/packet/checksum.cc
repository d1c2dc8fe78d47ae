// SPDX-License-Identifier: PostgreSQL
#include "vip/packet/checksum.h"

#include <string>

namespace pgpool::vip {

std::uint16_t checksum(ByteView bytes) {
    std::uint32_t sum = 0;  // of up to 64 KiB: cannot overflow
    for (; bytes.size() >= 2; bytes.remove_prefix(2)) sum += load_be16(bytes.data());
    if (!bytes.empty()) sum += static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[0])) << 8U;
    while (sum > 0xffffU) sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(~sum);
}

std::uint16_t checksum_with_pseudo_header(ByteView source, ByteView destination, std::uint8_t protocol,
                                          ByteView payload) {
    std::string summed;
    summed.append(source).append(destination);
    // The two families order these fields differently, which a sum does not see.
    append_be32(summed, static_cast<std::uint32_t>(payload.size()));
    append_be32(summed, protocol);
    summed.append(payload);
    return checksum(summed);
}

}  // namespace pgpool::vip
