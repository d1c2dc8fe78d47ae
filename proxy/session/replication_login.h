// SPDX-License-Identifier: PostgreSQL
#pragma once

// ReplicationLogin: the login of a replication connection at its node, and what the client gets to read of
// it: all but the authentication, with a cancel key of ours instead of the node's.
//
// Pure.

#include <string>

#include "proxy/session/cancel_registry.h"
#include "proxy/session/server_login.h"

namespace pgpool::session {

class ReplicationLogin {
public:
    ReplicationLogin(ServerLogin login, CancelKey told) : login_(std::move(login)), told_(told) {}

    [[nodiscard]] std::string startup_packet() const { return login_.startup_packet(); }
    // A whole message of the node. `send` gets what must be answered.
    [[nodiscard]] ServerLogin::State on_frame(const wire::Frame& frame, std::string& send);

    [[nodiscard]] const std::string& welcome() const { return welcome_; }  // when Ready: for the client
    [[nodiscard]] const std::string& refusal() const { return login_.refusal(); }
    [[nodiscard]] CancelKey key_of_node() const { return {login_.pid(), login_.secret()}; }

private:
    ServerLogin login_;
    CancelKey told_;
    std::string welcome_;
};

}  // namespace pgpool::session
