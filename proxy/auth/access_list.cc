// SPDX-License-Identifier: PostgreSQL
#include "proxy/auth/access_list.h"

#include <arpa/inet.h>
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace pgpool::auth {

namespace {

constexpr std::size_t kMappedPrefixSize = 12;  // ::ffff:0:0/96
constexpr unsigned kMappedPrefixBits = 96;

bool is_mapped_v4(const std::array<std::uint8_t, 16>& bytes) {
    static constexpr std::array<std::uint8_t, kMappedPrefixSize> kPrefix{0, 0, 0, 0, 0,    0,
                                                                         0, 0, 0, 0, 0xff, 0xff};
    return std::equal(kPrefix.begin(), kPrefix.end(), bytes.begin());
}

bool names(const std::vector<std::string>& list, std::string_view name) {
    return std::find(list.begin(), list.end(), name) != list.end();
}

bool matches_database(const std::vector<std::string>& databases, std::optional<std::string_view> wanted) {
    if (!wanted) return names(databases, AccessList::kReplication);
    return databases.empty() || (*wanted != AccessList::kReplication && names(databases, *wanted));
}

bool matches_user(const std::vector<std::string>& users, std::string_view user) {
    return users.empty() || names(users, user);
}

std::optional<unsigned> parse_number(std::string_view text) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::string place(std::optional<std::string_view> database, std::string_view user, const PeerAddress& peer) {
    const std::string from = fmt::format("host \"{}\", user \"{}\"", peer.text(), user);
    return database ? fmt::format("{}, database \"{}\"", from, *database) : from;
}

}  // namespace

PeerAddress PeerAddress::local() {
    return {};
}

PeerAddress PeerAddress::v4(const std::array<std::uint8_t, 4>& bytes) {
    PeerAddress address;
    address.family_ = Family::V4;
    std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
    return address;
}

PeerAddress PeerAddress::v6(const std::array<std::uint8_t, 16>& bytes) {
    if (is_mapped_v4(bytes)) return v4({bytes[12], bytes[13], bytes[14], bytes[15]});
    PeerAddress address;
    address.family_ = Family::V6;
    address.bytes_ = bytes;
    return address;
}

std::optional<PeerAddress> PeerAddress::parse(std::string_view text) {
    if (text == "[local]") return local();
    const std::string terminated(text);
    if (terminated.find('\0') != std::string::npos) return std::nullopt;
    std::array<std::uint8_t, 4> four{};
    if (inet_pton(AF_INET, terminated.c_str(), four.data()) == 1) return v4(four);
    std::array<std::uint8_t, 16> sixteen{};
    if (inet_pton(AF_INET6, terminated.c_str(), sixteen.data()) == 1) return v6(sixteen);
    return std::nullopt;
}

std::string PeerAddress::text() const {
    if (family_ == Family::Local) return "[local]";
    char buffer[INET6_ADDRSTRLEN] = "";
    inet_ntop(family_ == Family::V4 ? AF_INET : AF_INET6, bytes_.data(), buffer, sizeof buffer);
    return buffer;
}

bool AccessList::Network::contains(const PeerAddress& peer) const {
    if (peer.family() != base.family()) return false;
    unsigned bits = prefix_bits;
    for (std::size_t i = 0; bits > 0; ++i) {
        const unsigned taken = std::min(bits, 8U);
        const unsigned mask = (0xff00U >> taken) & 0xffU;
        if (((static_cast<unsigned>(base.bytes()[i]) ^ peer.bytes()[i]) & mask) != 0) return false;
        bits -= taken;
    }
    return true;
}

// "local", an address, or address/bits. A network inside ::ffff:0:0/96 becomes the IPv4 network it stands
// for.
Result<AccessList::Network> AccessList::parse_network(std::string_view text) {
    if (text == "local") return Network{PeerAddress::local(), 0};
    const auto invalid = [&text] {
        return fail(sqlstate::kConfigFileError,
                    fmt::format("\"{}\" is not \"local\", an IP address or a network in CIDR form", text));
    };
    const std::size_t slash = text.find('/');
    const std::string_view address_text = text.substr(0, slash);
    const auto base = PeerAddress::parse(address_text);
    if (!base || base->family() == PeerAddress::Family::Local) return invalid();

    const bool is_written_v6 = address_text.find(':') != std::string_view::npos;
    const unsigned written_bits = is_written_v6 ? 128 : 32;
    const auto bits = slash == std::string_view::npos ? written_bits : parse_number(text.substr(slash + 1));
    if (!bits || *bits > written_bits) return invalid();
    const bool is_mapped = is_written_v6 && base->family() == PeerAddress::Family::V4;
    if (!is_mapped) return Network{*base, *bits};
    if (*bits < kMappedPrefixBits) return invalid();
    return Network{*base, *bits - kMappedPrefixBits};
}

Result<AccessList> AccessList::compile(const std::vector<config::AccessRule>& rules) {
    AccessList list;
    for (std::size_t i = 0; i < rules.size(); ++i) {
        const config::AccessRule& rule = rules[i];
        Rule compiled{rule.databases, rule.users, std::nullopt, rule.method};
        if (!rule.address.empty()) {
            const auto network = parse_network(rule.address);
            if (!network) {
                return tl::unexpected(network.error().within(fmt::format("access rule {}: address", i + 1)));
            }
            compiled.network = *network;
        }
        list.rules_.push_back(std::move(compiled));
    }
    return list;
}

std::optional<config::AuthMethod> AccessList::method(std::optional<std::string_view> database,
                                                     std::string_view user, const PeerAddress& peer) const {
    for (const Rule& rule : rules_) {
        if (!matches_database(rule.databases, database) || !matches_user(rule.users, user)) continue;
        if (!rule.network || rule.network->contains(peer)) return rule.method;
    }
    return std::nullopt;
}

Error no_access_rule(std::optional<std::string_view> database, std::string_view user,
                     const PeerAddress& peer) {
    const std::string_view what = database ? "" : "replication connection from ";
    return {fmt::format("no access rule for {}{}", what, place(database, user, peer)),
            sqlstate::kInvalidAuthorization};
}

Error access_rejected(std::optional<std::string_view> database, std::string_view user,
                      const PeerAddress& peer) {
    const std::string_view what = database ? "connection" : "replication connection";
    return {fmt::format("access rule rejects {} for {}", what, place(database, user, peer)),
            sqlstate::kInvalidAuthorization};
}

}  // namespace pgpool::auth
