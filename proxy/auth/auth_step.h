// SPDX-License-Identifier: PostgreSQL
#pragma once

// AuthStep: what an authentication exchange wants next. `send` holds complete frames and is to be sent first,
// whatever the state; it is empty when Failed. An Error is not sent by the exchange: the session makes the
// ErrorResponse (severity FATAL) of it.

#include <cstdint>
#include <string>

#include "common/base/bytes.h"
#include "common/base/error.h"

namespace pgpool::auth {

struct AuthStep {
    enum class State : std::uint8_t { Continue, Done, Failed };

    State state = State::Failed;
    std::string send;
    Error error;  // only when Failed

    [[nodiscard]] static AuthStep proceed(std::string send);
    [[nodiscard]] static AuthStep done(std::string send);
    [[nodiscard]] static AuthStep failed(Error error);
};

// Codes of the 'R' messages, PG documentation 55.7.
enum class AuthCode : std::uint32_t {
    Ok = 0,
    KerberosV5 = 2,
    CleartextPassword = 3,
    Md5Password = 5,
    ScmCredential = 6,
    Gss = 7,
    GssContinue = 8,
    Sspi = 9,
    Sasl = 10,
    SaslContinue = 11,
    SaslFinal = 12,
};

inline constexpr std::string_view kScramMechanism = "SCRAM-SHA-256";

[[nodiscard]] std::string authentication_frame(AuthCode code, ByteView content = {});  // 'R'
[[nodiscard]] std::string password_frame(ByteView body);                               // 'p'

}  // namespace pgpool::auth
