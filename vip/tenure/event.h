// SPDX-License-Identifier: PostgreSQL
#pragma once

// What happens to a virtual address, as data.

#include <cstdint>
#include <optional>
#include <string>

#include "vip/packet/mac_address.h"

namespace pgpool::vip {

enum class EventKind : std::uint8_t {
    Taken,       // it is on the interface and announced
    Kept,        // it was to be taken, and is held already
    Refused,     // it was not taken
    Released,    // it was taken off, as it should
    Lost,        // it was taken off, or the kernel has dropped it, though it should have been held
    Conflict,    // somebody else claims it; it was announced anew
    MacChanged,  // its interface has another hardware address now; it was announced anew
    Planned,     // dry run: what would have been done
};

enum class Reason : std::uint8_t {
    None,
    Asked,         // release() was called
    NoMandate,     // the right to hold it does not reach far enough
    MandateEnded,  // the same, while it was held or probed for
    Answered,      // a host on the network has it already
    Configured,    // the host has it from somebody else
    LinkDown,      // the interface is down, has no carrier or is gone
    Stalled,       // it was not refreshed in time: this program did not run
    Kernel,        // the kernel said no
};

[[nodiscard]] std::string_view to_string(EventKind kind);  // "taken"
[[nodiscard]] std::string_view to_string(Reason reason);   // "mandate_ended"; of None: ""

struct Event {
    EventKind kind = EventKind::Taken;
    Reason reason = Reason::None;
    std::optional<MacAddress> mac;  // Answered, Conflict: whose; MacChanged: the new one
    std::string detail;             // Kernel, Planned: in words
    friend bool operator==(const Event&, const Event&) = default;
};

// Why, in words, and by whom: "answered by 02:00:00:00:00:01"; may be empty.
[[nodiscard]] std::string describe(const Event& event);

}  // namespace pgpool::vip
