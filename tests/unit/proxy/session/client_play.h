// SPDX-License-Identifier: PostgreSQL
#pragma once

// A client of ClientLogin for tests: gives it bytes as a socket would, looks verifiers up, and keeps what it
// answered.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/session/client_login.h"
#include "tests/unit/proxy/auth/fixtures.h"

namespace pgpool::session {

using Parameters = std::vector<std::pair<std::string, std::string>>;

inline auth::AccessList access_by(config::AuthMethod method) {
    return auth::AccessList::compile({{{}, {}, "", method}}).value();
}

// A startup packet of protocol 3.`minor`.
inline std::string startup_packet(const Parameters& parameters, std::uint32_t minor = 0) {
    std::string packet;
    wire::append_startup(packet, parameters);
    store_be32(packet.data() + 4, (3U << 16U) | minor);
    return packet;
}

// A first packet that has a code only.
inline std::string request(std::uint32_t code) {
    std::string packet;
    append_be32(packet, 8);
    append_be32(packet, code);
    return packet;
}

struct ClientPlay {
    using Step = ClientLogin::Step;

    auth::AccessList access = access_by(config::AuthMethod::Trust);
    std::optional<auth::Verifier> verifier = std::nullopt;
    ClientLogin login{auth::PeerAddress::local(), auth::kRandom, "a secret of the process"};
    Step step = Step::NeedMore;
    std::string unread = {};
    std::string sent = {};

    Step receive(ByteView bytes) {
        unread.append(bytes);
        while (step == Step::NeedMore) {
            const ClientLogin::Outcome outcome = login.on_bytes(unread, access, sent);
            unread.erase(0, outcome.used);
            step = outcome.step;
            if (step == Step::LookUp) step = login.verifier_found(verifier, sent);
            if (outcome.used == 0 || unread.empty()) break;
        }
        return step;
    }
};

}  // namespace pgpool::session
