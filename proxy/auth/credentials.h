// SPDX-License-Identifier: PostgreSQL
#pragma once

// What a user is checked against (Verifier) and what logs a user in at a node (Credentials).
//
// A Verifier is what pg_authid.rolpassword or the users file holds; knowing it is not enough to log in
// anywhere, except for a plain password and, with method md5, an MD5 hash. Credentials are made from a
// successful login of the client (FrontendAuth::credentials), from configuration, or by hand.
// Both are values without behaviour and hold secrets: nothing here prints them, nobody else should.

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/base/error.h"

namespace pgpool::auth {

// RFC 5802 section 3; all fields raw bytes, not base64.
struct ScramVerifier {
    int iterations = 0;
    std::string salt;
    std::string stored_key;  // H(ClientKey), 32 bytes
    std::string server_key;  // 32 bytes
};

struct Md5Verifier {
    std::string hash;  // 32 lower-case hex digits: md5(password || user)
};

struct PlainPassword {
    std::string password;
};

using Verifier = std::variant<ScramVerifier, Md5Verifier, PlainPassword>;

// `text` as in pg_authid.rolpassword, or a plain password. What begins like a SCRAM secret but is none, and
// an empty text, is an error (28P01) that does not repeat the text.
[[nodiscard]] Result<Verifier> parse_verifier(std::string_view text);

// The form of pg_authid.rolpassword: SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>.
[[nodiscard]] std::string to_text(const ScramVerifier& verifier);

// Enough to log in by SCRAM at every node whose verifier has this salt and iteration count.
struct ScramKeys {
    std::string client_key;
    std::string server_key;
    std::string salt;
    int iterations = 0;
};

struct Credentials {
    std::string user;
    std::optional<std::string> password;
    std::optional<ScramKeys> scram;       // from the client's proof: SCRAM pass-through
    std::optional<std::string> md5_hash;  // 32 hex digits, without "md5"
};

}  // namespace pgpool::auth
