// SPDX-License-Identifier: PostgreSQL
#pragma once

// MacAddress: the hardware address of an Ethernet interface.

#include <array>
#include <compare>
#include <string>

#include "common/base/bytes.h"

namespace pgpool::vip {

class MacAddress {
public:
    MacAddress() = default;  // 00:00:00:00:00:00
    // Of 6 bytes.
    [[nodiscard]] static MacAddress from_bytes(ByteView bytes);
    [[nodiscard]] static MacAddress broadcast() { return from_bytes("\xff\xff\xff\xff\xff\xff"); }

    [[nodiscard]] ByteView bytes() const { return {bytes_.data(), bytes_.size()}; }
    [[nodiscard]] std::string text() const;  // 02:00:0a:00:00:01

    friend auto operator<=>(const MacAddress&, const MacAddress&) = default;

private:
    std::array<char, 6> bytes_{};
};

}  // namespace pgpool::vip
