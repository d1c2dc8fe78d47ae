// SPDX-License-Identifier: PostgreSQL
#include "proxy/auth/scram_client.h"

#include <fmt/core.h>

#include <charconv>
#include <utility>

#include "proxy/auth/hashes.h"
#include "proxy/auth/scram_keys.h"
#include "proxy/auth/scram_message.h"

namespace pgpool::auth {

namespace {

constexpr std::string_view kGs2Header = "n,,";  // no channel binding, no authorization identity

Result<int> parse_iterations(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc::invalid_argument || end != text.data() + text.size()) {
        return malformed_scram("invalid iteration count");
    }
    if (error != std::errc() || value > ScramClient::kMaxIterations) {
        return fail(
            sqlstate::kFeatureNotSupported,
            fmt::format("the SCRAM iteration count asked for is above {}", ScramClient::kMaxIterations));
    }
    if (value < 1) return malformed_scram("invalid iteration count");
    return value;
}

}  // namespace

ScramClient::ScramClient(Credentials credentials, std::string nonce)
    : credentials_(std::move(credentials)), nonce_(std::move(nonce)) {
    PGPOOL_ASSERT(credentials_.password || credentials_.scram);
    PGPOOL_ASSERT(is_scram_nonce(nonce_));
}

std::string ScramClient::client_first() const {
    return fmt::format("{}n=,r={}", kGs2Header, nonce_);
}

Result<ScramKeys> ScramClient::keys_for(ByteView salt, int iterations) const {
    const auto& known = credentials_.scram;
    if (known && known->iterations == iterations && known->salt == salt) return *known;
    if (credentials_.password) return derive_keys(*credentials_.password, salt, iterations);
    return fail(
        sqlstate::kInvalidPassword,
        fmt::format(
            "the node's verifier of user \"{}\" differs from the one known here (salt or iteration count); "
            "copy rolpassword from one node to the others and to the users file and reload, or store the "
            "plain password; a password that was just changed is known after auth.auth_query_ttl",
            credentials_.user));
}

Result<std::string> ScramClient::server_first(ByteView message) {
    if (auto text = check_scram_text(message); !text) return tl::unexpected(text.error());
    ScramReader reader(message);
    if (reader.peek() == 'm') {
        return fail(sqlstate::kFeatureNotSupported, "server requires an unsupported SCRAM extension");
    }
    const auto nonce = reader.value('r');
    if (!nonce) return tl::unexpected(nonce.error());
    if (!is_scram_nonce(*nonce) || nonce->size() <= nonce_.size() || !nonce->starts_with(nonce_)) {
        return fail(sqlstate::kProtocolViolation, "invalid SCRAM response (nonce mismatch)");
    }
    const auto salt_text = reader.value('s');
    if (!salt_text) return tl::unexpected(salt_text.error());
    const auto salt = base64_decode(*salt_text);
    if (!salt || salt->empty()) return malformed_scram("invalid salt");
    const auto iterations_text = reader.value('i');
    if (!iterations_text) return tl::unexpected(iterations_text.error());
    const auto iterations = parse_iterations(*iterations_text);
    if (!iterations) return tl::unexpected(iterations.error());
    while (!reader.at_end()) {  // extensions that may be ignored
        if (auto ignored = reader.any(); !ignored) return tl::unexpected(ignored.error());
    }
    const auto keys = keys_for(*salt, *iterations);
    if (!keys) return tl::unexpected(keys.error());

    const std::string without_proof = fmt::format("c={},r={}", base64_encode(kGs2Header), *nonce);
    const std::string auth_message = fmt::format("n=,r={},{},{}", nonce_, message, without_proof);
    const std::string signature = hmac_sha256(sha256(keys->client_key), auth_message);
    server_signature_ = hmac_sha256(keys->server_key, auth_message);
    return fmt::format("{},p={}", without_proof, base64_encode(exclusive_or(keys->client_key, signature)));
}

Result<void> ScramClient::server_final(ByteView message) const {
    if (auto text = check_scram_text(message); !text) return text;
    ScramReader reader(message);
    if (reader.peek() == 'e') {
        const auto reason = reader.value('e');
        if (!reason) return tl::unexpected(reason.error());
        return fail(sqlstate::kInvalidPassword, fmt::format("SCRAM error of the server: {}", *reason));
    }
    const auto signature_text = reader.value('v');
    if (!signature_text) return tl::unexpected(signature_text.error());
    const auto signature = base64_decode(*signature_text);
    if (!signature || signature->size() != kSha256Size) return malformed_scram("invalid server signature");
    if (!reader.at_end()) return malformed_scram("garbage found at the end of server-final-message");
    if (!equal_in_constant_time(*signature, server_signature_)) {
        return fail(sqlstate::kInvalidPassword, "incorrect server signature");
    }
    return {};
}

}  // namespace pgpool::auth
