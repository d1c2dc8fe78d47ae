// SPDX-License-Identifier: PostgreSQL
#include "watchdog/server/settings.h"

#include <fmt/core.h>

#include <algorithm>
#include <functional>

namespace pgpool::watchdog {

namespace {

// By blanks.
template <typename List, typename Text>
std::string joined(const List& list, Text text_of) {
    std::string all;
    for (const auto& one : list) {
        if (!all.empty()) all += ' ';
        all += std::invoke(text_of, one);
    }
    return all;
}

tl::unexpected<Error> refuse(std::string message, std::string hint) {
    return tl::unexpected(Error{std::move(message), sqlstate::kConfigFileError, std::move(hint)});
}

std::string name_of(config::TimerProfile profile) {
    switch (profile) {
        case config::TimerProfile::Fast:
            return "fast";
        case config::TimerProfile::Default:
            return "default";
        case config::TimerProfile::Wan:
            return "wan";
    }
    return {};
}

}  // namespace

lease::Votes Electorate::votes() const {
    return {members.size(), nodes,
            witness.empty() ? lease::Votes::Witness::None : lease::Votes::Witness::Present};
}

lease::VoterId Electorate::own_vote() const {
    return voter(self);
}

lease::VoterId Electorate::voter(std::string_view name) const {
    const auto place = static_cast<std::size_t>(std::ranges::find(members, name) - members.begin());
    if (place < members.size()) return lease::VoterId(static_cast<std::uint16_t>(place));
    const bool is_witness_name = !witness.empty() && name == witness;
    return lease::VoterId(
        static_cast<std::uint16_t>(members.size() + nodes + (is_witness_name || witness.empty() ? 0 : 1)));
}

lease::VoterId Electorate::node_vote(std::size_t node) const {
    return lease::VoterId(static_cast<std::uint16_t>(members.size() + node));
}

Result<Electorate> electorate_of(const config::Config& config, const std::string& self, bool is_witness) {
    const config::Watchdog& watchdog = config.watchdog;
    Electorate electorate;
    electorate.self = self;
    electorate.witness = watchdog.witness;
    electorate.nodes = config.nodes.size();
    electorate.is_witness = is_witness;
    electorate.is_alone = watchdog.members.empty();
    for (const config::Member& member : watchdog.members) {
        if (member.name != watchdog.witness) electorate.members.push_back(member.name);
    }
    if (electorate.is_alone) electorate.members = {electorate.self};
    const bool is_listed = std::ranges::find(electorate.members, electorate.self) != electorate.members.end();
    const bool is_named_witness = !watchdog.witness.empty() && electorate.self == watchdog.witness;
    if (!is_listed && !is_named_witness) {
        return refuse(fmt::format("no member is named \"{}\" in watchdog.members", electorate.self),
                      "set watchdog.name to the name of this member; without it the name of the host counts");
    }
    if (is_witness && !is_named_witness) {
        return refuse(fmt::format("\"{}\" is not the witness", electorate.self),
                      "--witness is for the member that watchdog.witness names");
    }
    if (!is_witness && is_named_witness) {
        return refuse(fmt::format("\"{}\" is the witness, which only votes", electorate.self),
                      "start it with --witness");
    }
    return electorate;
}

lease::Parameters lease_parameters(config::TimerProfile profile) {
    lease::Parameters parameters;
    if (profile == config::TimerProfile::Fast) {
        parameters.backoff_min = milliseconds(20);
        parameters.backoff_max = milliseconds(60);
    }
    if (profile != config::TimerProfile::Wan) return parameters;
    parameters.session_timeout = seconds(3);
    parameters.renew = seconds(1);
    parameters.lease = seconds(6);
    parameters.backoff_min = milliseconds(200);
    parameters.backoff_max = milliseconds(600);
    parameters.vacant_backoff = milliseconds(50);
    parameters.attempt = seconds(4);
    parameters.yield = seconds(10);
    return parameters;
}

decide::Rules rules_of(const config::Config& config) {
    decide::Rules rules;
    rules.policy.does_failover = config.mode == config::ClusterMode::Streaming;
    rules.policy.auto_failback =
        config.watchdog.auto_failback ? decide::AutoFailback::Standby : decide::AutoFailback::Off;
    rules.policy.durability = config.watchdog.durability == config::Durability::Strict
                                  ? decide::Durability::Strict
                                  : decide::Durability::Available;
    rules.policy.maximum_lag = config.watchdog.maximum_lag;
    return rules;
}

std::vector<group::Agreed> agreed_of(const config::Config& config) {
    const config::Watchdog& watchdog = config.watchdog;
    const bool is_strict = watchdog.durability == config::Durability::Strict;
    const bool has_addresses = !config.vip.addresses.empty();
    return {{"mode", std::to_string(static_cast<int>(config.mode))},
            {"nodes", joined(config.nodes,
                             [](const config::Node& node) {
                                 return fmt::format("{}={}:{}", node.name, node.host, node.port);
                             })},
            {"watchdog.members", joined(watchdog.members, &config::Member::name)},
            {"watchdog.witness", watchdog.witness},
            {"watchdog.profile", name_of(watchdog.profile)},
            {"watchdog.durability", is_strict ? "strict" : "available"},
            {"watchdog.maximum_lag", std::to_string(watchdog.maximum_lag)},
            {"watchdog.auto_failback", watchdog.auto_failback ? "on" : "off"},
            {"vip.addresses", joined(config.vip.addresses, &config::VipAddress::address)},
            {"vip.lifetime", fmt::format("{}ms", config.vip.lifetime.count())},
            // Clients come to an address, wherever it is.
            {"listen.port", has_addresses ? std::to_string(config.listen.port) : ""}};
}

std::filesystem::path promises_file(const config::Watchdog& watchdog) {
    return std::filesystem::path(watchdog.state_directory) / "lease";
}

std::filesystem::path record_file(const config::Watchdog& watchdog) {
    return std::filesystem::path(watchdog.state_directory) / "cluster";
}

}  // namespace pgpool::watchdog
