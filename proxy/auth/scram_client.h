// SPDX-License-Identifier: PostgreSQL
#pragma once

// ScramClient: the client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), messages without the SASL framing, no
// channel binding, empty user name (PostgreSQL takes it from the startup packet).
//
// Order of calls: client_first, server_first, server_final, once each.

#include <optional>
#include <string>

#include "common/base/bytes.h"
#include "common/base/error.h"
#include "proxy/auth/credentials.h"

namespace pgpool::auth {

class ScramClient {
public:
    // What the node may ask of us at most: PBKDF2 runs in the caller's thread, a million rounds take about
    // half a second.
    static constexpr int kMaxIterations = 1'000'000;

    // REQUIRES: credentials with a password or SCRAM keys. `nonce`: printable, without comma.
    ScramClient(Credentials credentials, std::string nonce);

    [[nodiscard]] std::string client_first() const;

    // -> client-final-message. 28P01 if only keys are known and they belong to another verifier.
    [[nodiscard]] Result<std::string> server_first(ByteView message);

    // Checks that the node knows the verifier. REQUIRES: server_first succeeded.
    [[nodiscard]] Result<void> server_final(ByteView message) const;

private:
    [[nodiscard]] Result<ScramKeys> keys_for(ByteView salt, int iterations) const;

    Credentials credentials_;
    std::string nonce_;
    std::string server_signature_;  // expected in server-final
};

}  // namespace pgpool::auth
