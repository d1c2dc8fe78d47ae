// SPDX-License-Identifier: PostgreSQL
#pragma once

// What the tests of proxy/auth share: verifiers made by PostgreSQL 15, frames taken apart, fixed "random"
// bytes.

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "proxy/auth/auth_step.h"
#include "proxy/auth/credentials.h"

namespace pgpool::auth {

// CREATE ROLE u_scram PASSWORD 'pencil'
inline constexpr std::string_view kPencilVerifier =
    "SCRAM-SHA-256$4096:XxGVVGrEyau9tW79dIO9mA==$GMTwDWEJslqLcoTS18Nr747686ObXYXaaVbu4mCyGkE=:"
    "6IVjE66nsBf6QKwiudxE2QN51CurJuzt8KD7KNmN0Pg=";
// CREATE ROLE u_md5 PASSWORD 'geheim'
inline constexpr std::string_view kGeheimMd5 = "md560364f5053eed89c369c99e1b8f8e89a";

inline constexpr std::array<char, 16> kRandom{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

// The bodies of the frames in `bytes`, all of which must be of `type`.
inline std::vector<std::string> bodies(std::string_view bytes, char type) {
    std::vector<std::string> found;
    while (!bytes.empty()) {
        PGPOOL_ASSERT(bytes.size() >= 5 && bytes[0] == type);
        const std::size_t size = load_be32(bytes.data() + 1) - 4;
        PGPOOL_ASSERT(bytes.size() >= 5 + size);
        found.emplace_back(bytes.substr(5, size));
        bytes.remove_prefix(5 + size);
    }
    return found;
}

inline std::string code_and(AuthCode code, std::string_view content = {}) {
    std::string body;
    append_be32(body, static_cast<std::uint32_t>(code));
    body.append(content);
    return body;
}

inline std::string with_zero(std::string_view text) {
    return std::string(text) + '\0';
}

inline Verifier verifier_from(std::string_view text) {
    return parse_verifier(text).value();
}

// SASLInitialResponse with client-first.
inline std::string sasl_initial(std::string_view client_first, std::string_view mechanism = kScramMechanism) {
    std::string body = with_zero(mechanism);
    append_be32(body, static_cast<std::uint32_t>(client_first.size()));
    return body.append(client_first);
}

}  // namespace pgpool::auth
