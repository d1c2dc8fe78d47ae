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
            return State::Ready;
        default:
            return State::Running;
    }
}

ServerLogin::State ServerLogin::on_authentication(const wire::Frame& frame, std::string& send) {
    const auth::AuthStep step = auth_.on_authentication(frame.body);
    send += step.send;
    if (step.state != auth::AuthStep::State::Failed) return State::Running;
    std::string error;
    wire::append_error(
        error,
        {.severity = wire::Severity::Fatal, .sqlstate = step.error.sqlstate, .message = step.error.message});
    refusal_ = error.substr(wire::kFrameHeader);
    return State::Refused;
}

}  // namespace pgpool::session
