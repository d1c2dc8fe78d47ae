// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/server_login.h"

#include "common/wire/encoder.h"
#include "common/wire/error_fields.h"
#include "common/wire/messages.h"
#include "common/wire/startup.h"

namespace pgpool::session {

ServerLogin::ServerLogin(auth::Credentials credentials, const std::array<char, 16>& random,
                         Parameters startup)
    : auth_(std::move(credentials), random), startup_(std::move(startup)) {}

std::string ServerLogin::startup_packet() const {
    std::string packet;
    wire::append_startup(packet, startup_);
    return packet;
}

ServerLogin::State ServerLogin::on_frame(const wire::Frame& frame, std::string& send) {
    Cursor cursor(frame.body);
    switch (frame.type) {
        case wire::backend::kAuthentication:
            return on_authentication(frame, send);
        case wire::backend::kErrorResponse:
            refusal_ = frame.body;
            return State::Refused;
        case wire::backend::kBackendKeyData:
            pid_ = cursor.u32();
            secret_ = cursor.u32();
            return State::Running;
        case wire::backend::kParameterStatus:
            if (const auto status = wire::read_parameter_status(frame.body)) {
                parameters_.emplace_back(status->name, status->value);
            }
            return State::Running;
        case wire::backend::kReadyForQuery:
            if (authenticated_) return State::Ready;
            return refuse(
                {"the node sent ReadyForQuery before AuthenticationOk", sqlstate::kProtocolViolation});
        default:
            return State::Running;
    }
}

ServerLogin::State ServerLogin::on_authentication(const wire::Frame& frame, std::string& send) {
    const auth::AuthStep step = auth_.on_authentication(frame.body);
    send += step.send;
    if (step.state == auth::AuthStep::State::Failed) return refuse(step.error);
    authenticated_ = step.state == auth::AuthStep::State::Done;
    return State::Running;
}

ServerLogin::State ServerLogin::refuse(const Error& error) {
    std::string frame;
    wire::append_error(
        frame, {.severity = wire::Severity::Fatal, .sqlstate = error.sqlstate, .message = error.message});
    refusal_ = frame.substr(wire::kFrameHeader);
    return State::Refused;
}

}  // namespace pgpool::session
