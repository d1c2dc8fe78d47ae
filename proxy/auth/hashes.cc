// SPDX-License-Identifier: PostgreSQL
#include "proxy/auth/hashes.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <array>
#include <cstdint>
#include <new>

namespace pgpool::auth {

namespace {

static_assert(kSha256Size == SHA256_DIGEST_LENGTH);

// OpenSSL's byte pointers. Never null: some of its functions read a null pointer as "no key" or "no data".
const unsigned char* input(ByteView bytes) {
    static constexpr unsigned char kNothing[1] = {0};
    return bytes.empty() ? kNothing : reinterpret_cast<const unsigned char*>(bytes.data());
}

unsigned char* output(std::string& bytes) {
    return reinterpret_cast<unsigned char*>(bytes.data());
}

void require_memory(bool succeeded) {
    if (!succeeded) throw std::bad_alloc();
}

constexpr std::string_view kBase64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string sha256(ByteView data) {
    std::string digest(kSha256Size, '\0');
    require_memory(EVP_Digest(input(data), data.size(), output(digest), nullptr, EVP_sha256(), nullptr) == 1);
    return digest;
}

std::string hmac_sha256(ByteView key, ByteView data) {
    std::string digest(kSha256Size, '\0');
    unsigned int size = 0;
    require_memory(HMAC(EVP_sha256(), input(key), static_cast<int>(key.size()), input(data), data.size(),
                        output(digest), &size) != nullptr);
    return digest;
}

std::string pbkdf2_sha256(ByteView password, ByteView salt, int iterations) {
    PGPOOL_ASSERT(iterations >= 1);
    std::string key(kSha256Size, '\0');
    require_memory(PKCS5_PBKDF2_HMAC(reinterpret_cast<const char*>(input(password)),
                                     static_cast<int>(password.size()), input(salt),
                                     static_cast<int>(salt.size()), iterations, EVP_sha256(),
                                     static_cast<int>(kSha256Size), output(key)) == 1);
    return key;
}

Result<std::string> md5_hex(ByteView data) {
    std::array<unsigned char, 16> digest{};
    if (EVP_Digest(input(data), data.size(), digest.data(), nullptr, EVP_md5(), nullptr) != 1) {
        return fail(sqlstate::kInternalError,
                    "could not compute MD5 hash: OpenSSL's configuration forbids it; use scram-sha-256");
    }
    return to_hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

Result<std::string> md5_verifier_hash(std::string_view password, std::string_view user) {
    return md5_hex(std::string(password).append(user));
}

Result<std::string> md5_response_hash(std::string_view verifier_hash, ByteView salt) {
    return md5_hex(std::string(verifier_hash).append(salt));
}

bool equal_in_constant_time(ByteView a, ByteView b) {
    return a.size() == b.size() && CRYPTO_memcmp(input(a), input(b), a.size()) == 0;
}

std::string exclusive_or(ByteView a, ByteView b) {
    PGPOOL_ASSERT(a.size() == b.size());
    std::string result(a);
    for (std::size_t i = 0; i < b.size(); ++i) result[i] = static_cast<char>(result[i] ^ b[i]);
    return result;
}

std::string base64_encode(ByteView bytes) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        const ByteView group = bytes.substr(at, 3);
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            bits = (bits << 8U) | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0U);
        }
        for (std::size_t i = 0; i < 4; ++i) {
            text.push_back(i <= group.size() ? kBase64Digits[(bits >> (18U - 6U * i)) & 63U] : '=');
        }
    }
    return text;
}

std::optional<std::string> base64_decode(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::size_t padding = 0;
    while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
    const std::string_view digits = text.substr(0, text.size() - padding);

    std::string bytes;
    bytes.reserve(text.size() / 4 * 3);
    std::uint32_t bits = 0;
    unsigned bit_count = 0;
    for (const char c : digits) {
        const std::size_t value = kBase64Digits.find(c);
        if (value == std::string_view::npos) return std::nullopt;
        bits = (bits << 6U) | static_cast<std::uint32_t>(value);
        bit_count += 6;
        if (bit_count < 8) continue;
        bit_count -= 8;
        bytes.push_back(static_cast<char>((bits >> bit_count) & 255U));
    }
    return bytes;
}

}  // namespace pgpool::auth
