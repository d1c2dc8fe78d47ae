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

// As PostgreSQL's parse_bool(): any beginning that means one word only, in any case of letters.
std::optional<bool> parse_bool(std::string_view text) {
    const std::string value = to_lower_ascii(text);
    const auto begins = [&value](std::string_view word, std::size_t at_least = 1) {
        return value.size() >= at_least && word.starts_with(value);
    };
    if (begins("true") || begins("yes") || value == "on" || value == "1") return true;
    if (begins("false") || begins("no") || begins("off", 2) || value == "0") return false;
    return std::nullopt;
}

}  // namespace

ClientLogin::Outcome ClientLogin::on_bytes(ByteView bytes, const auth::AccessList& access,
                                           std::string& send) {
    if (auth_ && !refused_) return on_password(bytes, send);
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
    const bool is_ssl = std::holds_alternative<wire::SslRequest>(*packet);
    if (is_ssl || std::holds_alternative<wire::GssEncRequest>(*packet)) {
        // What comes in the same segment was sent before the answer was known: an attempt to smuggle
        // (CVE-2021-23214).
        if (bytes.size() > *size) {
            return {refuse({fmt::format("received unencrypted data after {} request",
                                        is_ssl ? "SSL" : "GSSAPI encryption"),
                            sqlstate::kProtocolViolation}),
                    *size};
        }
        bool& asked = is_ssl ? asked_ssl_ : asked_gss_;
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
            if (!read_replication(value)) {
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
    if (replication_ == Replication::Physical) database_ = auth::AccessList::kReplication;
    return check_access(access, send);
}

bool ClientLogin::read_replication(std::string_view value) {
    const auto is_wanted = parse_bool(value);
    if (value == "database") {
        replication_ = Replication::Logical;
    } else {
        replication_ = is_wanted.value_or(false) ? Replication::Physical : Replication::None;
    }
    return is_wanted || value == "database";
}

ClientLogin::Step ClientLogin::check_access(const auth::AccessList& access, std::string& send) {
    std::optional<std::string_view> database;
    if (replication_ != Replication::Physical) database = database_;
    const auto method = access.method(database, user_, peer_);
    if (!method) return refuse(auth::no_access_rule(database, user_, peer_));
    if (*method == config::AuthMethod::Reject) return refuse(auth::access_rejected(database, user_, peer_));
    method_ = *method;
    if (method_ != config::AuthMethod::Trust) return Step::LookUp;
    return verifier_found(std::nullopt, send);
}

ClientLogin::Step ClientLogin::verifier_found(std::optional<auth::Verifier> verifier, std::string& send) {
    auth_.emplace(method_, user_, std::move(verifier), random_, mock_secret_);
    if (!refused_) return take(auth_->start(), send);
    static_cast<void>(auth_->start());  // the client was asked already
    const std::string message = *std::exchange(refused_, std::nullopt);
    return take(auth_->on_message(message), send);
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
    const auth::AuthStep step = auth_->on_message(frame.body);
    const bool may_be_old = method_ == config::AuthMethod::Password && !auth_->why_refused().empty();
    if (may_be_old && !std::exchange(is_last_try_, true)) {
        refused_ = frame.body;
        return {Step::LookUp, frame.size};
    }
    return {take(step, send), frame.size};
}

ClientLogin::Step ClientLogin::take(const auth::AuthStep& step, std::string& send) {
    send += step.send;
    if (step.state == auth::AuthStep::State::Failed) return refuse(step.error);
    if (step.state == auth::AuthStep::State::Done && options_error_) return refuse(*options_error_);
    return step.state == auth::AuthStep::State::Done ? Step::Done : Step::NeedMore;
}

ClientLogin::Step ClientLogin::refuse(Error error) {
    error_ = std::move(error);
    return Step::Refused;
}

}  // namespace pgpool::session
