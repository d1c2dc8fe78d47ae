// SPDX-License-Identifier: PostgreSQL
#include "vip/output.h"

#include <fmt/core.h>

#include <cstdio>

namespace pgpool::vip {

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
    const std::string why = describe(event);
    return fmt::format("{} {}{}{}", to_string(event.kind), address.text(), why.empty() ? "" : ": ", why);
}

void print(Form form, const std::string& text, const Json& json) {
    const std::string line = form == Form::JsonLines ? json.dump() : text;
    std::fputs((line + '\n').c_str(), stdout);
    std::fflush(stdout);
}

}  // namespace pgpool::vip
