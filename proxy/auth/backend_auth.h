// SPDX-License-Identifier: PostgreSQL
#pragma once

// BackendAuth: logs a user in at a node, the client's side of PG documentation 55.2.1 and 55.3.
//
// The node decides the method; what the credentials cannot answer fails with an error that names what the
// node asked for and what to do (28P01 or 0A000). SCRAM prefers keys when the node's salt and iteration count
// are theirs (no PBKDF2), then the password. A node that was asked for SCRAM must prove that it knows the
// verifier: AuthenticationOk before that fails the login. One login only. ErrorResponse and NoticeResponse
// are the caller's business.

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "common/base/bytes.h"
#include "proxy/auth/auth_step.h"
#include "proxy/auth/credentials.h"
#include "proxy/auth/scram_client.h"

namespace pgpool::auth {

class BackendAuth {
public:
    // `random`: fresh bytes of a cryptographic generator, for this login only.
    BackendAuth(Credentials credentials, const std::array<char, 16>& random);

    // The body of an 'R' frame. Done at AuthenticationOk.
    [[nodiscard]] AuthStep on_authentication(ByteView body);

private:
    enum class Stage : std::uint8_t {
        Start,
        PasswordSent,
        ScramFirstSent,
        ScramFinalSent,
        ScramVerified,
        Ended
    };

    AuthStep step(AuthCode code, ByteView content);
    AuthStep on_ok(ByteView content);
    AuthStep answer_clear_password(ByteView content);
    AuthStep answer_md5(ByteView salt);
    AuthStep answer_sasl(ByteView mechanisms);
    AuthStep answer_server_first(ByteView message);
    AuthStep check_server_final(ByteView message);
    AuthStep unexpected(AuthCode code);
    AuthStep cannot_answer(std::string_view asked, std::string_view advice);
    AuthStep fail(const Error& error);

    Credentials credentials_;
    std::array<char, 16> random_;
    Stage stage_ = Stage::Start;
    std::optional<ScramClient> scram_;
};

}  // namespace pgpool::auth
