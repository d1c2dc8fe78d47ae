// SPDX-License-Identifier: PostgreSQL
#pragma once

// Values of the cells that several commands show in the same way. Pure.

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "common/cluster/topology.h"
#include "proxy/exec/own_result.h"

namespace pgpool::admin {

using exec::OwnResult;
using exec::Row;
using exec::Value;
using wire::ColumnType;

// What is beyond the largest int8 is shown as that.
[[nodiscard]] inline Value number(std::uint64_t value) {
    constexpr std::uint64_t kLargest = std::numeric_limits<std::int64_t>::max();
    return static_cast<std::int64_t>(value < kLargest ? value : kLargest);
}
[[nodiscard]] inline Value text(std::string_view value) {
    return std::string(value);
}
[[nodiscard]] inline Value text_or_null(std::string_view value) {
    return value.empty() ? Value() : text(value);
}
[[nodiscard]] inline Value micros(Duration duration) {
    return static_cast<std::int64_t>(std::chrono::duration_cast<microseconds>(duration).count());
}
[[nodiscard]] inline Value whole_seconds(Duration duration) {
    return static_cast<std::int64_t>(std::chrono::duration_cast<seconds>(duration).count());
}
// The microseconds beyond its whole seconds.
[[nodiscard]] inline Value rest_micros(Duration duration) {
    return micros(duration % std::chrono::duration_cast<Duration>(seconds(1)));
}
[[nodiscard]] inline Value moment(const std::optional<WallTime>& at) {
    return at ? Value(*at) : Value();
}

// pgpool-II's words for the state of a node.
[[nodiscard]] inline std::string_view status_of(const cluster::NodeStatus& node) {
    switch (node.state) {
        case cluster::NodeState::Up:
            return "up";
        case cluster::NodeState::Down:
            return "down";
        case cluster::NodeState::Unknown:
            break;
    }
    return "waiting";
}

}  // namespace pgpool::admin
