// SPDX-License-Identifier: PostgreSQL
#pragma once

// What the commands print: lines for people, or a JSON object per line. Each line is out at once.

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "vip/packet/virtual_address.h"
#include "vip/tenure/event.h"

namespace pgpool::vip {

using Json = nlohmann::ordered_json;

enum class Form : std::uint8_t { Text, JsonLines };

[[nodiscard]] Json to_json(const VirtualAddress& address);
[[nodiscard]] Json to_json(const VirtualAddress& address, const Event& event);
// `refused 10.0.0.100/32@eth0: answered by 02:00:00:00:00:01`
[[nodiscard]] std::string to_text(const VirtualAddress& address, const Event& event);

void print(Form form, const std::string& text, const Json& json);

}  // namespace pgpool::vip
