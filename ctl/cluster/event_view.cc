// SPDX-License-Identifier: PostgreSQL
#include <fmt/chrono.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "ctl/cluster/fields.h"
#include "ctl/cluster/views.h"

namespace pgpool::ctl {

namespace {

const char* severity_name(bus::Severity severity) {
    constexpr std::array<const char*, 4> kNames{"debug", "info", "warning", "error"};
    const auto index = static_cast<std::size_t>(severity);
    return index < kNames.size() ? kNames[index] : "info";  // NOLINT(*-constant-array-index): asked before
}

// Milliseconds, UTC: lines of several members stand in their order.
std::string time_text(std::int64_t at_ns) {
    const auto second = static_cast<std::time_t>(at_ns / 1'000'000'000);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(second), at_ns / 1'000'000 % 1000);
}

std::string one_line(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
    return text;
}

std::string facts_text(const Json& decision) {
    std::string facts;
    for (const Json& fact : list_of(decision, "facts"))
        facts += (facts.empty() ? "" : ", ") + (fact.is_string() ? fact.get<std::string>() : fact.dump());
    return facts.empty() ? "none" : one_line(facts);
}

}  // namespace

std::string decisions_text(const Json& why) {
    if (list_of(why, "decisions").empty()) return "nothing was decided yet\n";
    std::string out;
    for (const Json& decision : list_of(why, "decisions")) {
        out += fmt::format("{}  epoch {}  {} -> {}  on {}  [{}]\n    {}\n    facts: {}\n",
                           text_of(decision, "at"), text_of(decision, "epoch"), text_of(decision, "from"),
                           text_of(decision, "to"), text_of(decision, "event"), text_of(decision, "row"),
                           text_of(decision, "reason"), facts_text(decision));
    }
    return out;
}

std::string event_text(const bus::Event& event) {
    return fmt::format("{} {} {} {}\n", time_text(event.at_ns), event.program, severity_name(event.severity),
                       one_line(event.line));
}

Json event_json(const bus::Event& event) {
    return {{"at", time_text(event.at_ns)},
            {"severity", severity_name(event.severity)},
            {"program", event.program},
            {"line", event.line}};
}

}  // namespace pgpool::ctl
