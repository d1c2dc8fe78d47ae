// SPDX-License-Identifier: PostgreSQL
#include "proxy/auth/auth_step.h"

#include <utility>

#include "common/wire/encoder.h"

namespace pgpool::auth {

AuthStep AuthStep::proceed(std::string send) {
    return {State::Continue, std::move(send), {}};
}
AuthStep AuthStep::done(std::string send) {
    return {State::Done, std::move(send), {}};
}
AuthStep AuthStep::failed(Error error) {
    return {State::Failed, {}, std::move(error)};
}

std::string authentication_frame(AuthCode code, ByteView content) {
    std::string body;
    append_be32(body, static_cast<std::uint32_t>(code));
    body.append(content);
    std::string frame;
    wire::append_frame(frame, 'R', body);
    return frame;
}

std::string password_frame(ByteView body) {
    std::string frame;
    wire::append_frame(frame, 'p', body);
    return frame;
}

}  // namespace pgpool::auth
