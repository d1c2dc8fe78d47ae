// SPDX-License-Identifier: PostgreSQL
#include "vip/packet/ip_address.h"

#include <arpa/inet.h>
#include <fmt/core.h>

#include <algorithm>
#include <charconv>

namespace pgpool::vip {

namespace {

constexpr ByteView kMappedPrefix{"\0\0\0\0\0\0\0\0\0\0\xff\xff", 12};

tl::unexpected<Error> no_endpoint(std::string_view text) {
    return fail(
        sqlstate::kConfigFileError,
        fmt::format("\"{}\" is not an address with a port, such as 10.0.0.1:5432 or [fd00::1]:5432", text));
}

}  // namespace

Result<IpAddress> IpAddress::parse(std::string_view text) {
    const std::string terminated(text);
    std::array<char, 16> bytes{};
    if (inet_pton(AF_INET, terminated.c_str(), bytes.data()) == 1) return from_bytes({bytes.data(), 4});
    if (inet_pton(AF_INET6, terminated.c_str(), bytes.data()) == 1) return from_bytes({bytes.data(), 16});
    return fail(sqlstate::kConfigFileError, fmt::format("\"{}\" is not an IPv4 or IPv6 address", text));
}

IpAddress IpAddress::from_bytes(ByteView bytes) {
    PGPOOL_ASSERT(bytes.size() == 4 || bytes.size() == 16);
    if (bytes.starts_with(kMappedPrefix)) bytes.remove_prefix(kMappedPrefix.size());
    IpAddress address;
    address.family_ = bytes.size() == 16 ? Family::V6 : Family::V4;
    std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
    return address;
}

std::string IpAddress::text() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    inet_ntop(is_v6() ? AF_INET6 : AF_INET, bytes_.data(), text.data(), text.size());
    return text.data();
}

bool IpAddress::is_unicast() const {
    const auto first = static_cast<unsigned char>(bytes_[0]);
    if (!is_v6()) return first != 0 && first != 127 && first < 224;
    const bool is_zero_but_last =
        std::all_of(bytes_.begin(), bytes_.end() - 1, [](char c) { return c == 0; });
    const auto last = static_cast<unsigned char>(bytes_.back());
    return first != 0xff && !(is_zero_but_last && last <= 1);
}

Result<Endpoint> Endpoint::parse(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return no_endpoint(text);
    std::string_view host = text.substr(0, colon);
    const std::string_view digits = text.substr(colon + 1);
    const bool is_bracketed = host.starts_with('[') && host.ends_with(']');
    if (is_bracketed) host = host.substr(1, host.size() - 2);
    const Result<IpAddress> address = IpAddress::parse(host);
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    const bool is_port = error == std::errc() && end == digits.data() + digits.size() && port != 0;
    if (!address || !is_port || is_bracketed != (host.find(':') != std::string_view::npos))
        return no_endpoint(text);
    return Endpoint{*address, port};
}

std::string Endpoint::text() const {
    return address.is_v6() ? fmt::format("[{}]:{}", address.text(), port)
                           : fmt::format("{}:{}", address.text(), port);
}

}  // namespace pgpool::vip
