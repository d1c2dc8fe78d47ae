// SPDX-License-Identifier: PostgreSQL
#include "proxy/auth/frontend_auth.h"

#include <fmt/core.h>

#include <utility>

#include "proxy/auth/hashes.h"
#include "proxy/auth/scram_keys.h"

namespace pgpool::auth {

namespace {

constexpr int kDefaultIterations = 4096;  // PostgreSQL's SCRAM_SHA_256_DEFAULT_ITERATIONS
constexpr std::size_t kSaltSize = 16;     // PostgreSQL's SCRAM_DEFAULT_SALT_LEN
constexpr std::size_t kMd5SaltSize = 4;
constexpr std::uint32_t kNoInitialResponse = 0xffffffff;

// A PasswordMessage: one string and nothing after it.
Result<std::string_view> read_password(ByteView body) {
    Cursor cursor(body);
    const std::string_view password = cursor.c_string();
    if (!cursor.at_end()) return fail(sqlstate::kProtocolViolation, "invalid password packet size");
    if (password.empty()) return fail(sqlstate::kInvalidPassword, "empty password returned by client");
    return password;
}

Result<bool> is_password(const Verifier& verifier, std::string_view user, std::string_view password) {
    if (const auto* scram = std::get_if<ScramVerifier>(&verifier)) return is_password_of(*scram, password);
    if (const auto* plain = std::get_if<PlainPassword>(&verifier)) {
        return equal_in_constant_time(sha256(plain->password), sha256(password));
    }
    return md5_verifier_hash(password, user).map([&](const std::string& hash) {
        return equal_in_constant_time(hash, std::get<Md5Verifier>(verifier).hash);
    });
}

}  // namespace

FrontendAuth::FrontendAuth(config::AuthMethod method, std::string user, std::optional<Verifier> verifier,
                           const std::array<char, 16>& random, std::string_view mock_secret)
    : method_(method), verifier_(std::move(verifier)), random_(random), mock_secret_(mock_secret) {
    credentials_.user = std::move(user);
    if (!verifier_) return;
    if (const auto* plain = std::get_if<PlainPassword>(&*verifier_)) credentials_.password = plain->password;
    if (const auto* md5 = std::get_if<Md5Verifier>(&*verifier_)) credentials_.md5_hash = md5->hash;
}

AuthStep FrontendAuth::start() {
    PGPOOL_ASSERT(stage_ == Stage::Start);
    switch (method_) {
        case config::AuthMethod::Trust:
            return succeed({});
        case config::AuthMethod::Password:
            return proceed(Stage::ClearPassword, authentication_frame(AuthCode::CleartextPassword));
        case config::AuthMethod::Md5:
            if (!verifier_ || std::holds_alternative<ScramVerifier>(*verifier_)) return start_scram();
            return proceed(Stage::Md5Response,
                           authentication_frame(AuthCode::Md5Password, {random_.data(), kMd5SaltSize}));
        case config::AuthMethod::ScramSha256:
            return start_scram();
        case config::AuthMethod::Reject:
            break;
    }
    return fail({fmt::format("the access rules reject user \"{}\"", credentials_.user),
                 sqlstate::kInvalidAuthorization});
}

AuthStep FrontendAuth::start_scram() {
    scram_.emplace(scram_server());
    const std::string mechanisms = std::string(kScramMechanism) + '\0' + '\0';
    return proceed(Stage::SaslInitial, authentication_frame(AuthCode::Sasl, mechanisms));
}

// The salt shown for users without a SCRAM verifier depends on the user's name and the secret alone, so that
// a plain password and no password at all look alike, and like a real verifier.
ScramServer FrontendAuth::scram_server() const {
    std::string nonce = base64_encode({random_.data(), random_.size()});
    if (verifier_) {
        const auto* scram = std::get_if<ScramVerifier>(&*verifier_);
        if (scram != nullptr) return {*scram, ScramServer::Exchange::Real, std::move(nonce)};
    }
    const ByteView key = mock_secret_.empty() ? ByteView(random_.data(), random_.size()) : mock_secret_;
    const std::string salt = hmac_sha256(key, "salt of " + credentials_.user).substr(0, kSaltSize);
    if (credentials_.password) {
        const ScramKeys keys = derive_keys(*credentials_.password, salt, kDefaultIterations);
        return {verifier_of(keys), ScramServer::Exchange::Real, std::move(nonce)};
    }
    const std::string no_key(kSha256Size, '\0');
    return {{kDefaultIterations, salt, no_key, no_key}, ScramServer::Exchange::Mock, std::move(nonce)};
}

AuthStep FrontendAuth::on_message(ByteView body) {
    switch (stage_) {
        case Stage::ClearPassword:
            return on_clear_password(body);
        case Stage::Md5Response:
            return on_md5_response(body);
        case Stage::SaslInitial:
            return on_sasl_initial(body);
        case Stage::SaslFirst:
            return on_client_first(body);
        case Stage::SaslFinal:
            return on_client_final(body);
        case Stage::Start:
        case Stage::Done:
        case Stage::Failed:
            break;
    }
    return fail({"unexpected password message", sqlstate::kProtocolViolation});
}

AuthStep FrontendAuth::on_clear_password(ByteView body) {
    const auto password = read_password(body);
    if (!password) return fail(password.error());
    if (!verifier_) return fail_password();
    const auto verdict = is_password(*verifier_, credentials_.user, *password);
    if (!verdict) return fail(verdict.error());
    if (!*verdict) return fail_password();
    credentials_.password = *password;
    return succeed({});
}

AuthStep FrontendAuth::on_md5_response(ByteView body) {
    const auto response = read_password(body);
    if (!response) return fail(response.error());
    if (!credentials_.md5_hash) {
        const auto hash = md5_verifier_hash(*credentials_.password, credentials_.user);
        if (!hash) return fail(hash.error());
        credentials_.md5_hash = *hash;
    }
    const auto expected = md5_response_hash(*credentials_.md5_hash, {random_.data(), kMd5SaltSize});
    if (!expected) return fail(expected.error());
    if (!equal_in_constant_time(*response, "md5" + *expected)) return fail_password();
    return succeed({});
}

// SASLInitialResponse: mechanism, Int32 length of client-first or -1, client-first.
AuthStep FrontendAuth::on_sasl_initial(ByteView body) {
    Cursor cursor(body);
    const std::string_view mechanism = cursor.c_string();
    if (cursor.ok() && mechanism != kScramMechanism) {
        return fail(
            {"client selected an invalid SASL authentication mechanism", sqlstate::kProtocolViolation});
    }
    const std::uint32_t length = cursor.u32();
    const bool has_response = length != kNoInitialResponse;
    const ByteView message = has_response ? cursor.bytes(length) : ByteView();
    if (!cursor.at_end()) return fail({"invalid message format", sqlstate::kProtocolViolation});
    if (has_response) return on_client_first(message);
    return proceed(Stage::SaslFirst, authentication_frame(AuthCode::SaslContinue));
}

AuthStep FrontendAuth::on_client_first(ByteView message) {
    const auto server_first = scram_->client_first(message);
    if (!server_first) return fail(server_first.error());
    return proceed(Stage::SaslFinal, authentication_frame(AuthCode::SaslContinue, *server_first));
}

AuthStep FrontendAuth::on_client_final(ByteView message) {
    auto verdict = scram_->client_final(message);
    if (!verdict) return fail(verdict.error());
    if (!*verdict) return fail_password();
    ScramServer::Success& success = **verdict;
    credentials_.scram = std::move(success.keys);
    return succeed(authentication_frame(AuthCode::SaslFinal, success.server_final));
}

AuthStep FrontendAuth::proceed(Stage next, std::string send) {
    stage_ = next;
    return AuthStep::proceed(std::move(send));
}

AuthStep FrontendAuth::succeed(const std::string& send) {
    stage_ = Stage::Done;
    return AuthStep::done(send + authentication_frame(AuthCode::Ok));
}

AuthStep FrontendAuth::fail(Error error) {
    stage_ = Stage::Failed;
    return AuthStep::failed(std::move(error));
}

AuthStep FrontendAuth::fail_password() {
    const bool is_unfit = method_ == config::AuthMethod::ScramSha256 && verifier_ &&
                          std::holds_alternative<Md5Verifier>(*verifier_);
    why_refused_ = !verifier_ ? "no such user, or one without a password"
                   : is_unfit ? "an MD5 verifier cannot serve scram-sha-256"
                              : "wrong password";
    return fail({fmt::format("password authentication failed for user \"{}\"", credentials_.user),
                 sqlstate::kInvalidPassword});
}

Credentials FrontendAuth::credentials() const {
    PGPOOL_ASSERT(stage_ == Stage::Done);
    return credentials_;
}

}  // namespace pgpool::auth
