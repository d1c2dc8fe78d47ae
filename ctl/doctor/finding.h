// SPDX-License-Identifier: PostgreSQL
#pragma once

// What doctor has found: one line each, and what to do about it. Pure.

#include <cstdint>
#include <string>
#include <vector>

#include "ctl/output.h"

namespace pgpool::ctl {

enum class Level : std::uint8_t {
    Ok,
    Warn,  // it works, but not as it should, or it could not be looked at
    Fail,  // something that the configuration asks for does not work
};

struct Finding {
    Level level = Level::Ok;
    std::string topic;
    std::string text;
    std::string remedy;  // empty where it is well
    friend bool operator==(const Finding&, const Finding&) = default;
};
using Findings = std::vector<Finding>;

[[nodiscard]] inline Finding well(std::string topic, std::string text) {
    return {Level::Ok, std::move(topic), std::move(text), ""};
}

[[nodiscard]] std::string findings_text(const Findings& findings);
[[nodiscard]] Json findings_json(const Findings& findings);
[[nodiscard]] bool has_failure(const Findings& findings);

}  // namespace pgpool::ctl
