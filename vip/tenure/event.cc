// SPDX-License-Identifier: PostgreSQL
#include "vip/tenure/event.h"

#include <array>

namespace pgpool::vip {

namespace {

// In the order of the enumerators.
constexpr std::array<std::string_view, 7> kKinds = {"taken",    "refused",     "released", "lost",
                                                    "conflict", "mac_changed", "planned"};
constexpr std::array<std::string_view, 9> kReasons = {
    "", "asked", "no_mandate", "mandate_ended", "answered", "configured", "link_down", "stalled", "kernel"};

}  // namespace

std::string_view to_string(EventKind kind) {
    return kKinds.at(static_cast<std::size_t>(kind));
}

std::string_view to_string(Reason reason) {
    return kReasons.at(static_cast<std::size_t>(reason));
}

}  // namespace pgpool::vip
