// SPDX-License-Identifier: PostgreSQL
#pragma once

// ServerLogin: opens a session at a node, from the startup packet to the first ReadyForQuery (PG
// documentation 55.2.1), as a state machine without IO. A node that is ready without AuthenticationOk is
// refused: it would get around proving that it knows the verifier. One login only.

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/wire/decoder.h"
#include "proxy/auth/backend_auth.h"

namespace pgpool::session {

class ServerLogin {
public:
    using Parameters = std::vector<std::pair<std::string, std::string>>;
    enum class State : std::uint8_t { Running, Ready, Refused };

    ServerLogin(auth::Credentials credentials, const std::array<char, 16>& random, Parameters startup);

    [[nodiscard]] std::string startup_packet() const;
    // A whole message of the node. `send` gets what must be answered.
    [[nodiscard]] State on_frame(const wire::Frame& frame, std::string& send);

    [[nodiscard]] const std::string& refusal() const { return refusal_; }       // body of an ErrorResponse
    [[nodiscard]] const Parameters& parameters() const { return parameters_; }  // that the node reported
    [[nodiscard]] std::uint32_t pid() const { return pid_; }
    [[nodiscard]] std::uint32_t secret() const { return secret_; }

private:
    [[nodiscard]] State on_authentication(const wire::Frame& frame, std::string& send);
    [[nodiscard]] State refuse(const Error& error);

    auth::BackendAuth auth_;
    Parameters startup_;
    Parameters parameters_;
    std::string refusal_;
    bool authenticated_ = false;
    std::uint32_t pid_ = 0;
    std::uint32_t secret_ = 0;
};

}  // namespace pgpool::session
