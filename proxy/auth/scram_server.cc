// SPDX-License-Identifier: PostgreSQL
#include "proxy/auth/scram_server.h"

#include <fmt/core.h>

#include <utility>

#include "proxy/auth/hashes.h"
#include "proxy/auth/scram_message.h"

namespace pgpool::auth {

ScramServer::ScramServer(ScramVerifier verifier, Exchange exchange, std::string nonce)
    : verifier_(std::move(verifier)), exchange_(exchange), nonce_(std::move(nonce)) {}

// gs2-header = gs2-cbind-flag "," [ authzid ] ","; gives what follows it, client-first-message-bare.
Result<ByteView> ScramServer::skip_gs2_header(ByteView message) {
    Cursor header(message);
    const auto next = [&header] { return header.rest().empty() ? '\0' : header.bytes(1).front(); };

    const char flag = next();
    if (flag == 'p') {
        return malformed_scram(
            "the client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes "
            "channel "
            "binding data");
    }
    if (flag != 'n' && flag != 'y') {
        return malformed_scram(fmt::format("unexpected channel-binding flag \"{}\"", printable(flag)));
    }
    channel_binding_flag_ = flag;

    const char comma = next();
    if (comma != ',') {
        return malformed_scram(fmt::format("comma expected, but found character \"{}\"", printable(comma)));
    }
    const char after = next();
    if (after == 'a') {
        return fail(sqlstate::kFeatureNotSupported,
                    "client uses authorization identity, but it is not supported");
    }
    if (after != ',') {
        return malformed_scram(
            fmt::format("unexpected attribute \"{}\" in client-first-message", printable(after)));
    }
    return header.rest();
}

Result<std::string> ScramServer::client_first(ByteView message) {
    if (auto text = check_scram_text(message); !text) return tl::unexpected(text.error());
    const auto bare = skip_gs2_header(message);
    if (!bare) return tl::unexpected(bare.error());

    ScramReader reader(*bare);
    if (reader.peek() == 'm') {
        return fail(sqlstate::kFeatureNotSupported, "client requires an unsupported SCRAM extension");
    }
    if (auto user = reader.value('n'); !user) return tl::unexpected(user.error());
    const auto client_nonce = reader.value('r');
    if (!client_nonce) return tl::unexpected(client_nonce.error());
    if (!is_scram_nonce(*client_nonce)) {
        return fail(sqlstate::kProtocolViolation, "non-printable characters in SCRAM nonce");
    }
    while (!reader.at_end()) {  // extensions that may be ignored
        if (auto ignored = reader.any(); !ignored) return tl::unexpected(ignored.error());
    }

    client_first_bare_ = *bare;
    nonce_.insert(0, *client_nonce);
    server_first_ =
        fmt::format("r={},s={},i={}", nonce_, base64_encode(verifier_.salt), verifier_.iterations);
    return server_first_;
}

Result<std::optional<ScramServer::Success>> ScramServer::client_final(ByteView message) {
    if (auto text = check_scram_text(message); !text) return tl::unexpected(text.error());
    ScramReader reader(message);

    const auto channel_binding = reader.value('c');
    if (!channel_binding) return tl::unexpected(channel_binding.error());
    if (*channel_binding != base64_encode(std::string{channel_binding_flag_, ',', ','})) {
        return fail(sqlstate::kProtocolViolation,
                    "unexpected SCRAM channel-binding attribute in client-final-message");
    }
    const auto nonce = reader.value('r');
    if (!nonce) return tl::unexpected(nonce.error());

    std::size_t proof_at = 0;
    ScramReader::Attribute attribute;
    do {  // extensions that may be ignored stand before the proof
        proof_at = reader.position();
        const auto next = reader.any();
        if (!next) return tl::unexpected(next.error());
        attribute = *next;
    } while (attribute.name != 'p');
    const auto proof = base64_decode(attribute.value);
    if (!proof || proof->size() != kSha256Size) {
        return malformed_scram("malformed proof in client-final-message");
    }
    if (!reader.at_end()) return malformed_scram("garbage found at the end of client-final-message");
    if (!equal_in_constant_time(*nonce, nonce_)) {
        return fail(sqlstate::kProtocolViolation, "invalid SCRAM response (nonce does not match)");
    }
    return check_proof(*proof, message.substr(0, proof_at - 1));
}

// RFC 5802 section 3: ClientKey = ClientProof XOR HMAC(StoredKey, AuthMessage), and H(ClientKey) = StoredKey.
std::optional<ScramServer::Success> ScramServer::check_proof(ByteView proof, ByteView without_proof) const {
    const std::string auth_message =
        fmt::format("{},{},{}", client_first_bare_, server_first_, without_proof);
    std::string client_key = exclusive_or(proof, hmac_sha256(verifier_.stored_key, auth_message));
    const bool is_right = equal_in_constant_time(sha256(client_key), verifier_.stored_key);
    if (!is_right || exchange_ == Exchange::Mock) return std::nullopt;

    const std::string signature = hmac_sha256(verifier_.server_key, auth_message);
    return Success{
        "v=" + base64_encode(signature),
        {std::move(client_key), verifier_.server_key, verifier_.salt, verifier_.iterations},
    };
}

}  // namespace pgpool::auth
