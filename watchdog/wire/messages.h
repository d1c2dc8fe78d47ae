// SPDX-License-Identifier: PostgreSQL
#pragma once

// What members tell each other through the group, as bytes and back. Pure, total: what is no message of this
// version, or was cut short, is nothing, as if it had been lost.
//
// A message is a version and a kind of one byte each, then its fields, written as those of the bus are
// (common/bus/fields.h says how, and the limits). The version is of this layout; what the members must have
// in common to decide together is group::kProtocol. Everybody gets every message; who sent it is known from
// the group.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/error.h"
#include "watchdog/decide/evidence.h"
#include "watchdog/group/exchange.h"

namespace pgpool::wire {

// A message of the lease's voters (watchdog/voters) for one of them.
struct Vote {
    std::uint16_t to = 0;  // VoterId
    std::string bytes;
    friend bool operator==(const Vote&, const Vote&) = default;
};

// One probe of a node.
struct Probed {
    std::uint16_t node = 0;  // its place in the configuration
    decide::Finding finding = decide::Finding::Well;
    std::string detail;
    friend bool operator==(const Probed&, const Probed&) = default;
};

// The last sign of life that the sender has of a member.
struct Heard {
    group::Process member;
    std::int64_t sent_ns = 0;
    friend bool operator==(const Heard&, const Heard&) = default;
};

// A sign of life, several times a second: what was found since the last one. Who holds the lease answers
// with it those members that have the latest record (watchdog/server/trust.h).
struct Pulse {
    std::uint64_t epoch = 0;  // of the lease that the sender holds; 0: none
    std::vector<Probed> probes;
    std::int64_t sent_ns = 0;       // CLOCK_BOOTTIME of the sender: for others a number that they give back
    std::int64_t remaining_ns = 0;  // of the lease when this was sent; 0: none
    std::vector<Heard> heard;       // whom the holder answers
    bool serves = false;            // all that a client needs is on the sender's bus
    friend bool operator==(const Pulse&, const Pulse&) = default;
};

// An operator's command that only the holder of the lease can answer, and its answer: messages of the bus.
struct Asked {
    std::uint64_t id = 0;  // the sender's
    std::string command;
    friend bool operator==(const Asked&, const Asked&) = default;
};
struct Answered {
    group::Process to;
    std::uint64_t id = 0;
    std::string answer;
    friend bool operator==(const Answered&, const Answered&) = default;
};

// A message of the bus that concerns other members: ClientList, VipState, Event, Parked.
struct Relayed {
    std::string message;
    friend bool operator==(const Relayed&, const Relayed&) = default;
};

// The virtual addresses that were held under the lease of this epoch are off: every pgpool-vip that was
// ordered so has looked at the kernel and says so. Comes before the word that the lease is free.
struct AddressesOff {
    std::uint64_t epoch = 0;
    friend bool operator==(const AddressesOff&, const AddressesOff&) = default;
};

// In the order of their kinds, which begin with 1.
using Message = std::variant<group::message::Told, group::message::Proposed, group::message::Confirmed, Vote,
                             Pulse, Asked, Answered, Relayed, AddressesOff>;

// An Error where a limit is broken.
[[nodiscard]] Result<std::string> encode(const Message& message);
[[nodiscard]] std::optional<Message> decode(ByteView bytes);

}  // namespace pgpool::wire
