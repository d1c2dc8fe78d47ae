// SPDX-License-Identifier: PostgreSQL
#include "proxy/auth/backend_auth.h"

#include <fmt/core.h>

#include <utility>

#include "proxy/auth/hashes.h"

namespace pgpool::auth {

namespace {

constexpr std::size_t kMd5SaltSize = 4;

// SASLInitialResponse with client-first.
std::string sasl_initial(std::string_view client_first) {
    std::string body(kScramMechanism);
    body.push_back('\0');
    append_be32(body, static_cast<std::uint32_t>(client_first.size()));
    body.append(client_first);
    return password_frame(body);
}

// Mechanism names, an empty one at the end.
bool offers_scram(ByteView mechanisms) {
    Cursor cursor(mechanisms);
    for (std::string_view name = cursor.c_string(); !name.empty(); name = cursor.c_string()) {
        if (name == kScramMechanism) return true;
    }
    return false;
}

}  // namespace

BackendAuth::BackendAuth(Credentials credentials, const std::array<char, 16>& random)
    : credentials_(std::move(credentials)), random_(random) {}

AuthStep BackendAuth::on_authentication(ByteView body) {
    Cursor cursor(body);
    const auto code = static_cast<AuthCode>(cursor.u32());
    if (!cursor.ok()) {
        return fail({"the node sent an authentication request without a code", sqlstate::kProtocolViolation});
    }
    return step(code, cursor.rest());
}

AuthStep BackendAuth::step(AuthCode code, ByteView content) {
    switch (code) {
        case AuthCode::Ok:
            return on_ok(content);
        case AuthCode::CleartextPassword:
            return answer_clear_password(content);
        case AuthCode::Md5Password:
            return answer_md5(content);
        case AuthCode::Sasl:
            return answer_sasl(content);
        case AuthCode::SaslContinue:
            return answer_server_first(content);
        case AuthCode::SaslFinal:
            return check_server_final(content);
        case AuthCode::Gss:
        case AuthCode::GssContinue:
            return cannot_answer("GSSAPI", "use scram-sha-256 in the node's pg_hba.conf for this host");
        case AuthCode::Sspi:
            return cannot_answer("SSPI", "use scram-sha-256 in the node's pg_hba.conf for this host");
        case AuthCode::KerberosV5:
        case AuthCode::ScmCredential:
            break;
    }
    return cannot_answer(fmt::format("authentication method {}", static_cast<std::uint32_t>(code)),
                         "use scram-sha-256 in the node's pg_hba.conf for this host");
}

AuthStep BackendAuth::on_ok(ByteView content) {
    const bool is_unproven = stage_ == Stage::ScramFirstSent || stage_ == Stage::ScramFinalSent;
    if (is_unproven) {
        return fail({"the node ended SCRAM authentication without proving that it knows the verifier",
                     sqlstate::kInvalidPassword});
    }
    if (stage_ == Stage::Ended || !content.empty()) return unexpected(AuthCode::Ok);
    stage_ = Stage::Ended;
    return AuthStep::done({});
}

AuthStep BackendAuth::answer_clear_password(ByteView content) {
    if (stage_ != Stage::Start || !content.empty()) return unexpected(AuthCode::CleartextPassword);
    if (!credentials_.password) {
        return cannot_answer(
            "the clear password",
            "use scram-sha-256 in the node's pg_hba.conf, or store the plain password in the "
            "users file");
    }
    stage_ = Stage::PasswordSent;
    return AuthStep::proceed(password_frame(*credentials_.password + '\0'));
}

AuthStep BackendAuth::answer_md5(ByteView salt) {
    if (stage_ != Stage::Start || salt.size() != kMd5SaltSize) return unexpected(AuthCode::Md5Password);
    if (!credentials_.password && !credentials_.md5_hash) {
        return cannot_answer("an MD5 response",
                             "store a SCRAM verifier for the user at the node, or the MD5 hash or the plain "
                             "password in the users file");
    }
    Result<std::string> hash = credentials_.md5_hash
                                   ? Result<std::string>(*credentials_.md5_hash)
                                   : md5_verifier_hash(*credentials_.password, credentials_.user);
    if (hash) hash = md5_response_hash(*hash, salt);
    if (!hash) return fail(hash.error());
    stage_ = Stage::PasswordSent;
    return AuthStep::proceed(password_frame("md5" + *hash + '\0'));
}

AuthStep BackendAuth::answer_sasl(ByteView mechanisms) {
    if (stage_ != Stage::Start) return unexpected(AuthCode::Sasl);
    if (!offers_scram(mechanisms)) {
        return cannot_answer("a SASL mechanism other than SCRAM-SHA-256",
                             "allow scram-sha-256 without channel binding in the node's pg_hba.conf");
    }
    if (!credentials_.password && !credentials_.scram) {
        return cannot_answer("SCRAM-SHA-256",
                             "store the SCRAM verifier or the plain password in the users file, and let the "
                             "client log in by scram-sha-256 or password");
    }
    scram_.emplace(credentials_, base64_encode({random_.data(), random_.size()}));
    stage_ = Stage::ScramFirstSent;
    return AuthStep::proceed(sasl_initial(scram_->client_first()));
}

AuthStep BackendAuth::answer_server_first(ByteView message) {
    if (stage_ != Stage::ScramFirstSent) return unexpected(AuthCode::SaslContinue);
    const auto client_final = scram_->server_first(message);
    if (!client_final) return fail(client_final.error());
    stage_ = Stage::ScramFinalSent;
    return AuthStep::proceed(password_frame(*client_final));
}

AuthStep BackendAuth::check_server_final(ByteView message) {
    if (stage_ != Stage::ScramFinalSent) return unexpected(AuthCode::SaslFinal);
    const auto verdict = scram_->server_final(message);
    if (!verdict) return fail(verdict.error());
    stage_ = Stage::ScramVerified;
    return AuthStep::proceed({});
}

AuthStep BackendAuth::unexpected(AuthCode code) {
    return fail({fmt::format("the node sent an unexpected or malformed authentication request {}",
                             static_cast<std::uint32_t>(code)),
                 sqlstate::kProtocolViolation});
}

AuthStep BackendAuth::cannot_answer(std::string_view asked, std::string_view advice) {
    return fail({fmt::format("the node asks for {}, which cannot be answered: {}", asked, advice),
                 sqlstate::kInvalidPassword});
}

AuthStep BackendAuth::fail(const Error& error) {
    stage_ = Stage::Ended;
    return AuthStep::failed(
        error.within(fmt::format("cannot log in at the node as user \"{}\"", credentials_.user)));
}

}  // namespace pgpool::auth
