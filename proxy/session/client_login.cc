// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/client_login.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "common/wire/decoder.h"
#include "common/wire/message.h"

namespace pgpool::session {

namespace {

constexpr std::size_t kMaxPassword =
    65'536;  // of a password message; PostgreSQL's own bound is PG_MAX_AUTH_TOKEN_LENGTH

bool means_yes(std::string_view value) {
    static constexpr std::array<std::string_view, 5> kYes{"true", "on", "yes", "1", "database"};
    return std::find(kYes.begin(), kYes.end(), value) != kYes.end();
}

bool means_no(std::string_view value) {
    static constexpr std::array<std::string_view, 4> kNo{"false", "off", "no", "0"};
    return std::find(kNo.begin(), kNo.end(), value) != kNo.end();
}

}  // namespace

ClientLogin::Outcome ClientLogin::on_bytes(ByteView bytes, const auth::AccessList& access,
                                           std::string& send) {
    if (auth_) return on_password(bytes, send);
    if (started_) return {};  // the verifier is being looked up
    return on_first_packet(bytes, access, send);
}

ClientLogin::Outcome ClientLogin::on_first_packet(ByteView bytes, const auth::AccessList& access,
                                                  std::string& send) {
    if (bytes.size() < 4) return {};
    const auto size = wire::first_packet_size(bytes);
    if (!size) return {Step::Hangup, bytes.size()};  // as PostgreSQL, which only logs it
    if (bytes.size() < *size) return {};
    const auto packet = wire::read_first_packet(bytes.substr(0, *size));
    if (!packet) return {refuse_packet(bytes, packet.error(), send), *size};
    if (std::holds_alternative<wire::SslRequest>(*packet) ||
        std::holds_alternative<wire::GssEncRequest>(*packet)) {
        // What comes in the same segment was sent before the answer was known: an attempt to smuggle
        // (CVE-2021-23214).
        if (bytes.size() > *size) {
            return {refuse({"received unencrypted data after SSL request", sqlstate::kProtocolViolation}),
                    *size};
        }
        bool& asked = std::holds_alternative<wire::SslRequest>(*packet) ? asked_ssl_ : asked_gss_;
        if (std::exchange(asked, true)) {
            const std::uint32_t code = load_be32(bytes.data() + 4);
            return {refuse({fmt::format("unsupported frontend protocol {}.{}: server supports 3.0 to 3.0",
                                        code >> 16U, code & 0xffffU),
                            sqlstate::kFeatureNotSupported}),
                    *size};
        }
        send.push_back('N');
        return {Step::NeedMore, *size};
    }
    if (const auto* cancel = std::get_if<wire::CancelRequest>(&*packet)) {
        cancel_ = *cancel;
        return {Step::Cancel, *size};
    }
    started_ = true;
    return {on_startup(std::get<wire::StartupMessage>(*packet), access, send), *size};
}

// Who speaks a protocol before 3 understands only its errors: a text that ends with a line feed and a zero.
ClientLogin::Step ClientLogin::refuse_packet(ByteView packet, const Error& error, std::string& send) {
    const std::uint32_t major = load_be32(packet.data() + 4) >> 16U;
    if (major != 1 && major != 2) return refuse(error);
    send += fmt::format("EFATAL:  {}\n", error.message);
    send.push_back('\0');
    return Step::Hangup;
}

ClientLogin::Step ClientLogin::on_startup(const wire::StartupMessage& startup, const auth::AccessList& access,
                                          std::string& send) {
    if (wire::needs_negotiation(startup)) wire::append_negotiate_protocol_version(send, startup);
    startup_ = startup.parameters;
    for (const auto& [name, value] : startup.parameters) {
        if (name == "user") {
            user_ = value;
        } else if (name == "database") {
            database_ = value;
        } else if (name == "replication") {
            replication_ = means_yes(value);
            if (!replication_ && !means_no(value)) {
                return refuse({fmt::format("invalid value for parameter \"replication\": \"{}\"", value),
                               SqlState("22023"),
                               "Valid values are: \"false\", 0, \"true\", 1, \"database\"."});
            }
        } else if (name == "options") {
            const auto options = wire::parse_options(value);
            if (options) {
                settings_.insert(settings_.begin(), options->begin(), options->end());
            } else {
                options_error_ = options.error();  // told to those who have proven who they are
            }
        } else {
            settings_.emplace_back(name, value);
        }
    }
    if (user_.empty()) {
        return refuse(
            {"no PostgreSQL user name specified in startup packet", sqlstate::kInvalidAuthorization});
    }
    if (database_.empty()) database_ = user_;
    const auto method = access.method(database_, user_, peer_);
    if (!method) return refuse(auth::no_access_rule(database_, user_, peer_));
    if (*method == config::AuthMethod::Reject) return refuse(auth::access_rejected(database_, user_, peer_));
    method_ = *method;
    if (method_ != config::AuthMethod::Trust) return Step::LookUp;
    return verifier_found(std::nullopt, send);
}

ClientLogin::Step ClientLogin::verifier_found(std::optional<auth::Verifier> verifier, std::string& send) {
    auth_.emplace(method_, user_, std::move(verifier), random_, mock_secret_);
    return take(auth_->start(), send);
}

ClientLogin::Outcome ClientLogin::on_password(ByteView bytes, std::string& send) {
    if (bytes.empty()) return {};
    if (bytes[0] != wire::frontend::kPassword) {  // the type alone tells, as to PostgreSQL
        return {refuse({fmt::format("expected password response, got message type {}",
                                    static_cast<unsigned char>(bytes[0])),
                        sqlstate::kProtocolViolation}),
                bytes.size()};
    }
    const auto [frame, error] = wire::next_frame(bytes);
    if (error == wire::FrameError::NeedMore) return {};
    if (error == wire::FrameError::BadLength || frame.size > kMaxPassword)
        return {Step::Hangup, bytes.size()};
    if (!frame.complete()) return {};
    return {take(auth_->on_message(frame.body), send), frame.size};
}

ClientLogin::Step ClientLogin::take(const auth::AuthStep& step, std::string& send) {
    send += step.send;
    if (step.state == auth::AuthStep::State::Failed) return refuse(step.error);
    if (step.state != auth::AuthStep::State::Done) return Step::NeedMore;
    if (options_error_) return refuse(*options_error_);
    if (replication_) {
        return refuse({"replication connections are not supported here", sqlstate::kFeatureNotSupported,
                       "Connect to the node itself."});
    }
    return Step::Done;
}

ClientLogin::Step ClientLogin::refuse(Error error) {
    error_ = std::move(error);
    return Step::Refused;
}

}  // namespace pgpool::session
