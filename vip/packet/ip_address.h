// SPDX-License-Identifier: PostgreSQL
#pragma once

// IpAddress: an IPv4 or IPv6 address. Its bytes are in network order.

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/error.h"

namespace pgpool::vip {

enum class Family : std::uint8_t { V4, V6 };

class IpAddress {
public:
    IpAddress() = default;  // 0.0.0.0
    [[nodiscard]] static Result<IpAddress> parse(std::string_view text);
    // Of 4 or 16 bytes. An IPv4 address inside of IPv6 (::ffff:10.0.0.1) becomes the IPv4 address.
    [[nodiscard]] static IpAddress from_bytes(ByteView bytes);

    [[nodiscard]] Family family() const { return family_; }
    [[nodiscard]] bool is_v6() const { return family_ == Family::V6; }
    [[nodiscard]] ByteView bytes() const { return {bytes_.data(), is_v6() ? 16U : 4U}; }
    [[nodiscard]] int prefix_length() const { return is_v6() ? 128 : 32; }  // of the address alone
    [[nodiscard]] std::string text() const;

    // Neither multicast, broadcast, loopback nor unspecified.
    [[nodiscard]] bool is_unicast() const;

    friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

private:
    Family family_ = Family::V4;
    std::array<char, 16> bytes_{};
};

// One end of a TCP connection: 10.0.0.1:5432, [fd00::1]:5432.
struct Endpoint {
    IpAddress address;
    std::uint16_t port = 0;

    [[nodiscard]] static Result<Endpoint> parse(std::string_view text);
    [[nodiscard]] std::string text() const;
    friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

}  // namespace pgpool::vip
