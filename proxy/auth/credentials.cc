// SPDX-License-Identifier: PostgreSQL
#include "proxy/auth/credentials.h"

#include <fmt/core.h>

#include <charconv>

#include "proxy/auth/hashes.h"

namespace pgpool::auth {

namespace {

constexpr std::string_view kScramPrefix = "SCRAM-SHA-256$";
constexpr std::string_view kMd5Prefix = "md5";

// Takes the part up to `separator` off the front; nothing if there is no separator.
std::optional<std::string_view> take_until(std::string_view& text, char separator) {
    const std::size_t end = text.find(separator);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(end + 1);
    return part;
}

std::optional<int> parse_iterations(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 1) return std::nullopt;
    return value;
}

// `text` without the prefix: <iterations>:<salt>$<StoredKey>:<ServerKey>.
std::optional<ScramVerifier> parse_scram(std::string_view text) {
    const auto iterations_text = take_until(text, ':');
    const auto salt_text = take_until(text, '$');
    const auto stored_key_text = take_until(text, ':');
    if (!iterations_text || !salt_text || !stored_key_text) return std::nullopt;

    const auto iterations = parse_iterations(*iterations_text);
    auto salt = base64_decode(*salt_text);
    auto stored_key = base64_decode(*stored_key_text);
    auto server_key = base64_decode(text);
    if (!iterations || !salt || !stored_key || !server_key) return std::nullopt;
    if (salt->empty() || stored_key->size() != kSha256Size || server_key->size() != kSha256Size) {
        return std::nullopt;
    }
    return ScramVerifier{*iterations, std::move(*salt), std::move(*stored_key), std::move(*server_key)};
}

bool is_md5(std::string_view text) {
    return text.size() == kMd5Prefix.size() + kMd5HexSize && text.starts_with(kMd5Prefix) &&
           text.find_first_not_of("0123456789abcdef", kMd5Prefix.size()) == std::string_view::npos;
}

}  // namespace

Result<Verifier> parse_verifier(std::string_view text) {
    if (text.empty()) return fail(sqlstate::kInvalidPassword, "the password or verifier is empty");
    if (is_md5(text)) return Md5Verifier{std::string(text.substr(kMd5Prefix.size()))};
    if (!text.starts_with(kScramPrefix)) return PlainPassword{std::string(text)};
    auto scram = parse_scram(text.substr(kScramPrefix.size()));
    if (!scram) {
        return fail(
            sqlstate::kInvalidPassword,
            "malformed SCRAM verifier, expected SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>");
    }
    return std::move(*scram);
}

std::string to_text(const ScramVerifier& verifier) {
    return fmt::format("{}{}:{}${}:{}", kScramPrefix, verifier.iterations, base64_encode(verifier.salt),
                       base64_encode(verifier.stored_key), base64_encode(verifier.server_key));
}

}  // namespace pgpool::auth
