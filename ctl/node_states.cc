// SPDX-License-Identifier: PostgreSQL
#include "ctl/node_states.h"

#include <fmt/core.h>

#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

namespace pgpool::ctl {

namespace {

std::size_t column_named(const pg::Rows& rows, std::string_view name) {
    std::size_t at = 0;
    while (at < rows.columns() && rows.header()[at].name != name) ++at;
    return at;
}

// Empty where it is NULL, or where a proxy of another version has no such column.
std::string text_of(const pg::Rows& rows, std::size_t row, std::string_view name) {
    const std::size_t column = column_named(rows, name);
    if (column == rows.columns()) return {};
    return rows.at(row, column).value_or("");
}

// The console tells hosts; commands take names.
std::string name_of(const config::Config& config, const std::string& host, const std::string& port) {
    for (const config::Node& node : config.nodes) {
        if (host == node.host && port == std::to_string(node.port)) return node.name;
    }
    return {};
}

constexpr std::size_t kLongestReason = 60;  // bytes

std::string shortened(const std::string& text) {
    if (text.size() <= kLongestReason) return text;
    std::size_t end = kLongestReason - 3;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;  // within a character
    return text.substr(0, end) + "...";
}

std::string two_digits(const std::string& number) {
    return fmt::format("{:.2f}", std::strtod(number.c_str(), nullptr));
}

std::optional<std::string> or_null(std::string text) {
    return text.empty() ? std::nullopt : std::optional(std::move(text));
}

}  // namespace

bool NodeState::is_taken_out() const {
    return status == "down" && reason.starts_with("taken out: ");
}

std::vector<NodeState> node_states(const config::Config& config, const pg::Rows& rows) {
    std::vector<NodeState> states;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const auto text = [&](std::string_view name) { return text_of(rows, row, name); };
        states.push_back({name_of(config, text("hostname"), text("port")), text("hostname"), text("port"),
                          text("status"), text("role"), text("lb_weight"), text("reason")});
    }
    return states;
}

Table table_of(const std::vector<NodeState>& states) {
    Table table{{{"name"}, {"address"}, {"role"}, {"status"}, {"weight", true}, {"reason"}}, {}};
    for (const NodeState& node : states) {
        table.rows.push_back({or_null(node.name), node.host + ":" + node.port, node.role, node.status,
                              two_digits(node.weight), or_null(shortened(node.reason))});
    }
    return table;
}

std::string notes_on(const std::vector<NodeState>& states) {
    std::string notes;
    for (const NodeState& node : states) {
        if (!node.is_taken_out() || node.name.empty()) continue;
        notes += fmt::format(
            "{0} was {1}\n  it does not come back by itself: make it a copy of a node that is in "
            "(docs/replication.md, \"When a node is lost\"), then pgpool-ctl attach {0} --verify\n",
            node.name, node.reason);
    }
    return notes;
}

pg::Rows with_names(const config::Config& config, const pg::Rows& rows) {
    if (column_named(rows, "name") < rows.columns()) return rows;
    std::vector<pg::Rows::Column> header{{"name"}};
    header.insert(header.end(), rows.header().begin(), rows.header().end());
    const std::vector<NodeState> states = node_states(config, rows);
    std::vector<pg::Rows::Cell> cells;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const std::string& name = states[row].name;
        cells.push_back(name.empty() ? pg::Rows::Cell() : pg::Rows::Cell(name));
        for (std::size_t column = 0; column < rows.columns(); ++column) cells.push_back(rows.at(row, column));
    }
    return {std::move(header), std::move(cells)};
}

}  // namespace pgpool::ctl
