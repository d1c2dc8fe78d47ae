// SPDX-License-Identifier: PostgreSQL
#include "vip/tenure/event.h"

#include <array>

namespace pgpool::vip {

namespace {

// In the order of the enumerators.
constexpr std::array<std::string_view, 8> kKinds = {"taken", "kept",     "refused",     "released",
                                                    "lost",  "conflict", "mac_changed", "planned"};
constexpr std::array<std::string_view, 9> kReasons = {
    "", "asked", "no_mandate", "mandate_ended", "answered", "configured", "link_down", "stalled", "kernel"};

std::string_view phrase(const Event& event) {
    switch (event.reason) {
        case Reason::None:
            return event.kind == EventKind::Conflict ? "claimed by" : "";
        case Reason::Asked:
            return "as asked";
        case Reason::NoMandate:
            return "the time to hold it is too short";
        case Reason::MandateEnded:
            return "its time is over";
        case Reason::Answered:
            return "answered by";
        case Reason::Configured:
            return "";
        case Reason::LinkDown:
            return "no link";
        case Reason::Stalled:
            return "this program did not run for too long";
        case Reason::Kernel:
            return "the kernel says";
    }
    return "";
}

}  // namespace

std::string_view to_string(EventKind kind) {
    return kKinds.at(static_cast<std::size_t>(kind));
}

std::string_view to_string(Reason reason) {
    return kReasons.at(static_cast<std::size_t>(reason));
}

std::string describe(const Event& event) {
    std::string text;
    const auto add = [&](std::string_view word) {
        if (!text.empty() && !word.empty()) text += ' ';
        text += word;
    };
    add(phrase(event));
    if (event.mac) add(event.mac->text());
    add(event.detail);
    return text;
}

}  // namespace pgpool::vip
