// SPDX-License-Identifier: PostgreSQL
#pragma once

// ServerLink: what is known of one server connection, without its socket. The pool lends it to one session at
// a time.
//
// Pure; one worker only. The shell derives from it and adds the socket.

#include <cstdint>

#include "common/base/ids.h"
#include "common/wire/message.h"
#include "proxy/exec/name_values.h"
#include "proxy/exec/prepared.h"
#include "proxy/exec/reply_queue.h"
#include "proxy/exec/settings.h"

namespace pgpool::exec {

class ServerLink {
public:
    ServerLink(NodeId the_node, NameValuesTable& names, std::uint32_t prepared_capacity)
        : node(the_node),
          reported(names.empty()),
          settings(names, names.empty()),
          statements(prepared_capacity) {}
    ServerLink(const ServerLink&) = delete;
    ServerLink& operator=(const ServerLink&) = delete;

    NodeId node;
    TimePoint login_began;
    std::uint32_t pid = 0;  // BackendKeyData
    std::uint32_t secret = 0;

    ReplyQueue replies;
    NameValuesPtr reported;  // ParameterStatus, as last told by the server
    Settings settings;       // what SET has changed here
    ServerStatements statements;
    wire::TransactionStatus status = wire::TransactionStatus::Idle;
    std::uint64_t last_session = 0;  // who used it last; own names and the unnamed statement are theirs

    // A message whose body is still arriving: how much, and whether the client gets it.
    std::uint64_t body_left = 0;
    bool body_forwarded = false;

protected:
    ~ServerLink() = default;
};

}  // namespace pgpool::exec
