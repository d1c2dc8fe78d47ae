// SPDX-License-Identifier: PostgreSQL
#pragma once

// The first packet of a connection, which has no type byte: StartupMessage, SSLRequest, GSSENCRequest,
// CancelRequest (PG documentation 55.2.1, 55.2.12, 55.7). Lengths and error texts are those of PostgreSQL's
// ProcessStartupPacket.

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/error.h"

namespace pgpool::wire {

struct SslRequest {};
struct GssEncRequest {};
struct CancelRequest {
    std::uint32_t pid = 0;
    std::uint32_t secret = 0;
};
struct StartupMessage {
    std::uint32_t minor_version = 0;                              // of protocol 3
    std::vector<std::pair<std::string, std::string>> parameters;  // in the order sent, without the _pq_. ones
    std::vector<std::string> unknown_protocol_options;            // names that begin with _pq_.

    [[nodiscard]] std::string_view get(std::string_view name) const;  // empty if absent
};
using FirstPacket = std::variant<SslRequest, GssEncRequest, CancelRequest, StartupMessage>;

inline constexpr std::size_t kMaxStartupPacket = 10'000;  // MAX_STARTUP_PACKET_LENGTH
inline constexpr std::uint32_t kProtocolMinor = 0;        // what we speak: 3.0

// Length of the packet at the start of `bytes` once four bytes are there; an error if PostgreSQL would refuse
// it.
[[nodiscard]] Result<std::size_t> first_packet_size(ByteView four_bytes);
// Reads a whole first packet, its length word included.
[[nodiscard]] Result<FirstPacket> read_first_packet(ByteView packet);

// NegotiateProtocolVersion, needed when the client asked for a newer minor version or for options that we do
// not know.
[[nodiscard]] bool needs_negotiation(const StartupMessage& startup);
void append_negotiate_protocol_version(std::string& out, const StartupMessage& startup);

void append_startup(std::string& out, const std::vector<std::pair<std::string, std::string>>& parameters);
void append_cancel_request(std::string& out, std::uint32_t pid, std::uint32_t secret);

// The parameter "options" of a startup packet: -c name=value, --name=value, backslash escapes (PG:
// process_postgres_switches). Anything else in it is an error, as the command line options of a server
// process cannot be replayed.
[[nodiscard]] Result<std::vector<std::pair<std::string, std::string>>> parse_options(
    std::string_view options);

}  // namespace pgpool::wire
