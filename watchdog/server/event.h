// SPDX-License-Identifier: PostgreSQL
#pragma once

// What other threads tell the main one. Values; each thread pushes, the main thread takes.
//
// When it is full: what is told again anyway is lost (votes, probes); a message of the group leads to a new
// join (group_link.h), one of a client to its end (quota.h). What comes once is taken all the same.

#include <cstdint>
#include <string>
#include <variant>

#include "common/ipc/hub.h"
#include "common/net/mailbox.h"
#include "watchdog/corosync/members.h"
#include "watchdog/group/view.h"
#include "watchdog/lease/votes.h"
#include "watchdog/nodes/sight.h"
#include "watchdog/server/quota.h"
#include "watchdog/store/record_store.h"

namespace pgpool::watchdog {

namespace event {
struct ViewChanged {
    group::View view;
    group::Process self;
};
struct Delivered {
    group::Process from;
    std::string bytes;
};
struct QuorumChanged {
    corosync::Quorum quorum;
};
struct GroupLost {
    std::string reason;
};
struct Vote {  // of the lease thread, for another member
    lease::VoterId to;
    std::string bytes;
};
struct ClientCame {
    ipc::ClientInfo info;
};
struct ClientSaid {
    ipc::ClientId client;
    bus::Message message;
    Quota::Place place = {};
};
struct ClientGone {
    ipc::ClientId client;
    std::string reason;
};
struct CheckpointEnded {
    std::string problem;  // empty: it is done
};
}  // namespace event

using Event = std::variant<event::ViewChanged, event::Delivered, event::QuorumChanged, event::GroupLost,
                           event::Vote, event::ClientCame, event::ClientSaid, event::ClientGone,
                           event::CheckpointEnded, nodes::Probe, store::Written>;

inline constexpr std::size_t kEvents = 65'536;
using Inbox = net::Mailbox<Event>;

}  // namespace pgpool::watchdog
