// SPDX-License-Identifier: PostgreSQL
#include "vip/output.h"

#include <fmt/core.h>

#include <cstdio>

namespace pgpool::vip {

namespace {

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

Json to_json(const VirtualAddress& address) {
    return {{"address", address.address.text()}, {"interface", address.interface}};
}

Json to_json(const VirtualAddress& address, const Event& event) {
    Json json{{"event", to_string(event.kind)}};
    json.update(to_json(address));
    if (event.reason != Reason::None) json["reason"] = to_string(event.reason);
    if (event.mac) json["mac"] = event.mac->text();
    if (!event.detail.empty()) json["detail"] = event.detail;
    return json;
}

std::string to_text(const VirtualAddress& address, const Event& event) {
    std::string after;
    const auto add = [&](std::string_view word) {
        if (!word.empty()) after += fmt::format("{}{}", after.empty() ? "" : " ", word);
    };
    add(phrase(event));
    if (event.mac) add(event.mac->text());
    add(event.detail);
    return fmt::format("{} {}{}{}", to_string(event.kind), address.text(), after.empty() ? "" : ": ", after);
}

void print(Form form, const std::string& text, const Json& json) {
    const std::string line = form == Form::JsonLines ? json.dump() : text;
    std::fputs((line + '\n').c_str(), stdout);
    std::fflush(stdout);
}

}  // namespace pgpool::vip
