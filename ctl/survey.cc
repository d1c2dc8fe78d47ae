// SPDX-License-Identifier: PostgreSQL
#include "ctl/survey.h"

#include <fmt/core.h>

#include <utility>

#include "common/nodecheck/two_phase.h"

namespace pgpool::ctl {

namespace {

using nodecheck::NodeFacts;

constexpr seconds kQueryTime{30};

using Reason = std::string;
template <typename T>
using Asked = tl::expected<T, Reason>;

Asked<std::vector<nodecheck::Row>> ask(pg::Client& client, std::string_view query) {
    const auto rows = client.query(query, {}, SteadyClock::now() + kQueryTime);
    if (!rows) return tl::unexpected(rows.error().message);
    std::vector<nodecheck::Row> found;
    for (std::size_t row = 0; row < rows->size(); ++row) {
        auto& cells = found.emplace_back();
        for (std::size_t column = 0; column < rows->columns(); ++column)
            cells.emplace_back(rows->text(row, column));
    }
    return found;
}

Asked<std::vector<nodecheck::Row>> extensions_of(const config::Config& config, const config::Node& node,
                                                 const std::string& database) {
    auto client = connect_node(config, node, database);
    auto rows = client ? ask(*client, nodecheck::extensions_query())
                       : Asked<std::vector<nodecheck::Row>>(tl::unexpected(client.error().message));
    if (!rows) return tl::unexpected(fmt::format("database {}: {}", database, rows.error()));
    return rows;
}

// As a login gets them.
Asked<std::vector<nodecheck::Row>> settings_of(const config::Config& config, const config::Node& node) {
    auto client = connect_node(config, node, config.health.database, pg::SessionSettings::OfLogin);
    if (!client) return tl::unexpected(client.error().message);
    return ask(*client, nodecheck::settings_query());
}

Asked<NodeFacts> facts_of(const config::Config& config, const config::Node& node) {
    auto client = connect_node(config, node, config.health.database);
    if (!client) return tl::unexpected(client.error().message);
    NodeFacts facts;
    facts.node = node.name;
    const auto settings = settings_of(config, node);
    if (!settings) return tl::unexpected(settings.error());
    add_settings(facts, *settings);
    const auto databases = ask(*client, nodecheck::databases_query(major_version(facts)));
    if (!databases) return tl::unexpected(databases.error());
    add_databases(facts, *databases);
    for (const auto& [database, found] : facts.databases) {
        const auto extensions = extensions_of(config, node, database);
        if (!extensions) return tl::unexpected(extensions.error());
        add_extensions(facts, database, *extensions);
    }
    return facts;
}

std::vector<std::string> unable(const config::Config& config, const std::vector<NodeFacts>& nodes) {
    std::vector<std::string> reasons;
    if (config.mode != config::ClusterMode::Replication) return reasons;
    for (const NodeFacts& node : nodes) {
        const auto most = node.settings.find("max_prepared_transactions");
        if (most == node.settings.end()) continue;
        const std::string reason =
            nodecheck::why_not_prepared(node.node, std::stoull(most->second), config.replication);
        if (!reason.empty()) reasons.push_back(reason);
    }
    return reasons;
}

}  // namespace

Survey survey(const config::Config& config) {
    auto answers =
        at_the_same_time(config.nodes, [&](const config::Node& node) { return facts_of(config, node); });
    Survey found;
    for (std::size_t i = 0; i < answers.size(); ++i) {
        if (answers[i]) {
            found.facts.push_back(std::move(*answers[i]));
        } else {
            found.unreachable.push_back({config.nodes[i].name, answers[i].error()});
        }
    }
    found.differences = nodecheck::compare(found.facts);
    found.unable = unable(config, found.facts);
    found.is_usable = found.unable.empty() || !nodecheck::must_prepare(config.replication);
    return found;
}

}  // namespace pgpool::ctl
