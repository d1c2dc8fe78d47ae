// SPDX-License-Identifier: PostgreSQL
#pragma once

// AccessList: which authentication method a connection gets; the `auth.access` list of the configuration,
// compiled. The first rule that matches (database, user, peer) counts; without one the connection is refused.
//
// Immutable after compile: may be read by all workers.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/config/config.h"

namespace pgpool::auth {

// Where a client comes from. An IPv4 address mapped into IPv6 (::ffff:1.2.3.4, what a dual-stack socket
// reports) is always held as IPv4.
class PeerAddress {
public:
    enum class Family : std::uint8_t { Local, V4, V6 };

    [[nodiscard]] static PeerAddress local();                                       // UNIX socket
    [[nodiscard]] static PeerAddress v4(const std::array<std::uint8_t, 4>& bytes);  // network order
    [[nodiscard]] static PeerAddress v6(const std::array<std::uint8_t, 16>& bytes);
    [[nodiscard]] static std::optional<PeerAddress> parse(
        std::string_view text);  // "[local]", "1.2.3.4", "::1"

    [[nodiscard]] Family family() const { return family_; }
    [[nodiscard]] const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }  // V4: the first four
    [[nodiscard]] std::string text() const;  // "[local]" for a UNIX socket, as PostgreSQL writes it

    friend bool operator==(const PeerAddress&, const PeerAddress&) = default;

private:
    Family family_ = Family::Local;
    std::array<std::uint8_t, 16> bytes_{};
};

class AccessList {
public:
    static constexpr std::string_view kReplication = "replication";

    // F0000 for an address that is no CIDR, naming the rule by its number (from 1).
    [[nodiscard]] static Result<AccessList> compile(const std::vector<config::AccessRule>& rules);

    // No database: physical replication, which only rules that name kReplication are for. Such a rule is for
    // no database, as the keyword of pg_hba.conf.
    [[nodiscard]] std::optional<config::AuthMethod> method(std::optional<std::string_view> database,
                                                           std::string_view user,
                                                           const PeerAddress& peer) const;

private:
    struct Network {
        PeerAddress base;
        unsigned prefix_bits = 0;
        [[nodiscard]] bool contains(const PeerAddress& peer) const;
    };
    struct Rule {
        std::vector<std::string> databases;
        std::vector<std::string> users;
        std::optional<Network> network;  // none: from everywhere
        config::AuthMethod method = config::AuthMethod::Reject;
    };

    [[nodiscard]] static Result<Network> parse_network(std::string_view text);

    std::vector<Rule> rules_;
};

// The errors (28000) a session answers with when method() gives nothing, or Reject.
[[nodiscard]] Error no_access_rule(std::optional<std::string_view> database, std::string_view user,
                                   const PeerAddress& peer);
[[nodiscard]] Error access_rejected(std::optional<std::string_view> database, std::string_view user,
                                    const PeerAddress& peer);

}  // namespace pgpool::auth
