// SPDX-License-Identifier: PostgreSQL
#pragma once

// What other threads tell the lease thread.

#include <string>
#include <variant>
#include <vector>

#include "common/net/mailbox.h"
#include "watchdog/lease/events.h"
#include "watchdog/voters/command.h"

namespace pgpool::voters {

using net::Mailbox;

namespace inbox {
struct Run {
    lease::CommandId id;
    lease::VoterId node;
    Command command;
};
struct Received {
    lease::VoterId from;
    std::string bytes;
};
struct Resolved {
    lease::VoterId node;
    std::vector<std::string> addresses;  // empty: `problem` tells why
    std::string problem;
};
struct Stored {
    Epoch epoch;
    std::string problem;  // empty: it is on disk
};
struct Stop {};
}  // namespace inbox

using Inbox = Mailbox<
    std::variant<lease::Event, inbox::Run, inbox::Received, inbox::Resolved, inbox::Stored, inbox::Stop>>;

}  // namespace pgpool::voters
