// SPDX-License-Identifier: PostgreSQL
#pragma once

// The hash functions and encodings of authentication, over OpenSSL. Binary results are raw bytes in strings.
// SHA-256 can fail only for lack of memory (std::bad_alloc); MD5 is an Error where policy forbids it (FIPS).

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/error.h"

namespace pgpool::auth {

inline constexpr std::size_t kSha256Size = 32;
inline constexpr std::size_t kMd5HexSize = 32;

[[nodiscard]] std::string sha256(ByteView data);
[[nodiscard]] std::string hmac_sha256(ByteView key, ByteView data);
// REQUIRES: iterations >= 1.
[[nodiscard]] std::string pbkdf2_sha256(ByteView password, ByteView salt, int iterations);

[[nodiscard]] Result<std::string> md5_hex(ByteView data);
// What PostgreSQL stores (after "md5") and what a client answers to AuthenticationMD5Password (after "md5").
[[nodiscard]] Result<std::string> md5_verifier_hash(std::string_view password, std::string_view user);
[[nodiscard]] Result<std::string> md5_response_hash(std::string_view verifier_hash, ByteView salt);

// The time depends on the lengths only.
[[nodiscard]] bool equal_in_constant_time(ByteView a, ByteView b);

// REQUIRES: equal lengths.
[[nodiscard]] std::string exclusive_or(ByteView a, ByteView b);

// RFC 4648 section 4, with padding; decoding is strict: no white space, no missing padding.
[[nodiscard]] std::string base64_encode(ByteView bytes);
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);

}  // namespace pgpool::auth
