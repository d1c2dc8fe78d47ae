// SPDX-License-Identifier: PostgreSQL
#include "ctl/node_states.h"

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
