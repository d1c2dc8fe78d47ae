// SPDX-License-Identifier: PostgreSQL
#pragma once

// FrontendAuth: authenticates one client, the server's side of PG documentation 55.2.1 and 55.3.
//
// Which exchange runs, as PostgreSQL decides it (CheckPWChallengeAuth):
//   trust          AuthenticationOk at once
//   password       a clear password, checked against any verifier
//   md5            MD5 for an MD5 verifier or a plain password, otherwise SCRAM
//   scram-sha-256  SCRAM; an MD5 verifier cannot serve it and fails like a wrong password
//   reject         fails at once, 28000
// Invariants:
//   1. A missing or unfit verifier runs the same exchange and fails at the end, with the error of a wrong
//      password: a client cannot learn which users exist (RFC 5802 section 9).
//   2. Secrets are compared in constant time.
//   3. After Done or Failed no message is accepted any more.
// One session only. Does not read the users file, does not choose the method (access_list.h), offers no
// channel binding (there is no TLS below it).

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/config/config.h"
#include "proxy/auth/auth_step.h"
#include "proxy/auth/credentials.h"
#include "proxy/auth/scram_server.h"

namespace pgpool::auth {

class FrontendAuth {
public:
    // `random`: fresh bytes of a cryptographic generator, for this exchange only.
    // `mock_secret`: the same for the life of the process (best: of the cluster). It fixes the SCRAM salt
    // shown for users without a SCRAM verifier; empty, that salt changes with every attempt and thereby tells
    // them from the others.
    FrontendAuth(config::AuthMethod method, std::string user, std::optional<Verifier> verifier,
                 const std::array<char, 16>& random, std::string_view mock_secret = {});

    [[nodiscard]] AuthStep start();                    // the first frames to send; once
    [[nodiscard]] AuthStep on_message(ByteView body);  // the body of a 'p' frame

    // Why the password was refused, for the log: the client must not learn it. Empty: it was not.
    [[nodiscard]] std::string_view why_refused() const { return why_refused_; }

    // What the exchange taught us for logging in at nodes. REQUIRES: a step was Done.
    [[nodiscard]] Credentials credentials() const;

private:
    enum class Stage : std::uint8_t {
        Start,
        ClearPassword,
        Md5Response,
        SaslInitial,  // SASLInitialResponse: mechanism and perhaps client-first
        SaslFirst,    // client-first, when it did not come with the mechanism
        SaslFinal,
        Done,
        Failed
    };

    AuthStep start_scram();
    [[nodiscard]] ScramServer scram_server() const;
    AuthStep on_clear_password(ByteView body);
    AuthStep on_md5_response(ByteView body);
    AuthStep on_sasl_initial(ByteView body);
    AuthStep on_client_first(ByteView message);
    AuthStep on_client_final(ByteView message);
    AuthStep proceed(Stage next, std::string send);
    AuthStep succeed(const std::string& send);
    AuthStep fail(Error error);
    AuthStep fail_password();

    config::AuthMethod method_;
    std::optional<Verifier> verifier_;
    std::array<char, 16> random_;
    std::string mock_secret_;
    Stage stage_ = Stage::Start;
    std::optional<ScramServer> scram_;
    std::string_view why_refused_;
    Credentials credentials_;  // user from the start, secrets as they become known
};

}  // namespace pgpool::auth
