// SPDX-License-Identifier: PostgreSQL
#pragma once

// ScramServer: the server's side of SCRAM-SHA-256 (RFC 5802, RFC 7677) as PostgreSQL speaks it: messages
// without the SASL framing, no channel binding, the user name inside client-first is ignored (PG takes it
// from the startup packet). Error texts and SQLSTATEs are PostgreSQL's, its DETAIL in parentheses.
//
// Order of calls: client_first, then client_final, once each.

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/bytes.h"
#include "common/base/error.h"
#include "proxy/auth/credentials.h"

namespace pgpool::auth {

class ScramServer {
public:
    enum class Exchange : std::uint8_t {
        Real,
        Mock  // looks the same to the client, no proof is accepted
    };

    struct Success {
        std::string server_final;
        ScramKeys keys;  // recovered from the client's proof
    };

    ScramServer(ScramVerifier verifier, Exchange exchange, std::string nonce);

    // -> server-first-message.
    [[nodiscard]] Result<std::string> client_first(ByteView message);

    // -> nothing if the proof is wrong. REQUIRES: client_first succeeded.
    [[nodiscard]] Result<std::optional<Success>> client_final(ByteView message);

private:
    [[nodiscard]] Result<ByteView> skip_gs2_header(ByteView message);
    [[nodiscard]] std::optional<Success> check_proof(ByteView proof, ByteView without_proof) const;

    ScramVerifier verifier_;
    Exchange exchange_;
    std::string nonce_;  // ours; the client's is put in front of it by client_first
    char channel_binding_flag_ = 'n';
    std::string client_first_bare_;
    std::string server_first_;
};

}  // namespace pgpool::auth
