// SPDX-License-Identifier: PostgreSQL
#include "watchdog/decide/render.h"

#include <fmt/chrono.h>
#include <fmt/core.h>

#include <algorithm>

namespace pgpool::decide {

namespace {

void join(std::string& text, std::string_view between, std::string_view more) {
    if (!text.empty()) text += between;
    text += more;
}

template <typename Enum>
std::string names_of(EnumSet<Enum> set, std::size_t count, std::string_view between,
                     std::string_view before = "") {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
        const auto item = static_cast<Enum>(i);
        if (set.has(item)) join(text, between, fmt::format("{}{}", before, to_string(item)));
    }
    return text;
}

std::string mermaid_name(Phase phase) {
    std::string name(info(phase).name);
    std::ranges::replace(name, ' ', '_');
    return name;
}

}  // namespace

std::string describe(const Guard& guard) {
    std::string text = names_of(guard.all, kFacts, ", ");
    const std::string none = names_of(guard.none, kFacts, ", ", "not ");
    if (!none.empty()) join(text, ", ", none);
    return text.empty() ? "always" : text;
}

std::string describe(FactSet facts) {
    return facts.is_empty() ? "none" : names_of(facts, kFacts, ", ");
}

std::string describe(ActionSet actions) {
    return actions.is_empty() ? "nothing" : names_of(actions, kActions, ", ");
}

std::string describe(EventSet events) {
    return names_of(events, kEvents, " or ");
}

std::string table_as_text() {
    std::string text = "Every row needs the lease. Where no row fits, nothing is done.\n";
    for (const PhaseInfo& phase : phases()) {
        const std::string limit =
            phase.deadline.count() == 0 ? "" : fmt::format(" (deadline {} ms)", phase.deadline.count());
        text += fmt::format("\n{}: {}{}\n", phase.name, phase.meaning, limit);
        for (const Transition& row : transitions()) {
            if (row.from != phase.phase) continue;
            text += fmt::format("  {}  on {}\n      if {}\n      do {}\n      then {}: {}\n", row.id,
                                describe(row.on), describe(row.guard), describe(row.actions),
                                info(row.next).name, row.comment);
        }
    }
    return text;
}

std::string table_as_mermaid() {
    std::string text = "stateDiagram-v2\n    [*] --> steady\n";
    for (const Transition& row : transitions()) {
        text += fmt::format("    {} --> {}: {} {} [{}]\n", mermaid_name(row.from), mermaid_name(row.next),
                            row.id, describe(row.on), describe(row.guard));
    }
    return text;
}

std::string iso_time(WallTime time) {
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

std::string describe(const HistoryEntry& entry) {
    return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC  epoch {}  {}  {} -> {}  on {}  because {}  [{}]",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(entry.at)), entry.epoch, entry.row,
                       info(entry.from).name, info(entry.to).name, to_string(entry.event), entry.reason,
                       describe(entry.facts));
}

}  // namespace pgpool::decide
