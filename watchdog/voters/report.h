// SPDX-License-Identifier: PostgreSQL
#pragma once

// What the lease thread tells: values, in the order in which it happened.

#include <optional>
#include <string>
#include <variant>

#include "watchdog/lease/events.h"
#include "watchdog/voters/command.h"
#include "watchdog/voters/node_observation.h"

namespace pgpool::voters {

inline constexpr seconds kHeardAgain{1};

namespace report {
struct ViewChanged {  // in state or epoch; the deadline is on the page
    lease::View view;
};
struct Became {
    Epoch epoch;
    BootTime time;
};
struct SteppedDown {
    Epoch epoch;
    std::string reason;
};
struct CommandEnded {  // exactly one for each command
    lease::CommandId command;
    CommandOutcome outcome;
};
struct NodeSeen {
    lease::VoterId node;
    NodeObservation observation;
};
struct SessionOpened {
    lease::VoterId node;
};
struct VoterHeard {  // it has answered; again after kHeardAgain
    lease::VoterId voter;
};
struct Trouble {  // told when it begins or changes, not as often as it happens
    std::optional<lease::VoterId> voter;
    std::string text;
};
}  // namespace report

using Report = std::variant<report::ViewChanged, report::Became, report::SteppedDown, report::CommandEnded,
                            report::NodeSeen, report::SessionOpened, report::VoterHeard, report::Trouble>;

}  // namespace pgpool::voters
