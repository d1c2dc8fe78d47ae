// SPDX-License-Identifier: PostgreSQL
#pragma once

// The key arithmetic of SCRAM-SHA-256, RFC 5802 section 3.

#include <string_view>

#include "common/base/bytes.h"
#include "proxy/auth/credentials.h"

namespace pgpool::auth {

// The expensive step: SASLprep and PBKDF2. REQUIRES: iterations >= 1.
[[nodiscard]] ScramKeys derive_keys(std::string_view password, ByteView salt, int iterations);

[[nodiscard]] ScramVerifier verifier_of(const ScramKeys& keys);

[[nodiscard]] bool is_password_of(const ScramVerifier& verifier, std::string_view password);

}  // namespace pgpool::auth
