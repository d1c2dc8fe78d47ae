// SPDX-License-Identifier: PostgreSQL
#include "common/config/validate.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "common/config/parameters.h"

namespace pgpool::config {

namespace {

constexpr std::string_view kTargets[] = {"primary", "standby", "any"};

bool is_reserved(std::string_view name) {
    return std::find(std::begin(kTargets), std::end(kTargets), name) != std::end(kTargets);
}

bool is_node_name(std::string_view name) {
    return std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '-' || c == '.';
    });
}

using AddressBytes = std::array<unsigned char, sizeof(in6_addr)>;

struct ParsedAddress {
    AddressBytes bytes{};  // of an IPv4 address the first four
    unsigned bits = 0;
};

std::optional<ParsedAddress> parse_address(const std::string& text) {
    ParsedAddress address;
    if (inet_pton(AF_INET, text.c_str(), address.bytes.data()) == 1) address.bits = 32;
    if (inet_pton(AF_INET6, text.c_str(), address.bytes.data()) == 1) address.bits = 128;
    return address.bits == 0 ? std::nullopt : std::optional(address);
}

// An address, or address/bits.
bool is_network(std::string_view text) {
    const std::size_t slash = text.find('/');
    const std::optional<ParsedAddress> address = parse_address(std::string(text.substr(0, slash)));
    if (!address || slash == std::string_view::npos) return address.has_value();
    const std::string_view prefix = text.substr(slash + 1);
    unsigned count = 0;
    const auto [end, error] = std::from_chars(prefix.data(), prefix.data() + prefix.size(), count);
    return error == std::errc() && end == prefix.data() + prefix.size() && count <= address->bits;
}

class Validator {
public:
    explicit Validator(const Config& config) : config_(config) {}

    std::vector<Finding> run() {
        check_node_count();
        check_node_names();
        check_node_addresses();
        check_read_share();
        check_listen();
        check_pool();
        check_rules();
        check_functions();
        check_auth_query();
        check_access();
        check_watchdog();
        check_vip();
        return std::move(findings_);
    }

private:
    void report(std::string parameter, std::string message, std::string_view other_section = {}) {
        findings_.push_back({std::move(parameter), std::move(message), other_section});
    }

    static std::string node_field(std::size_t index, std::string_view field) {
        return fmt::format("nodes[{}].{}", index, field);
    }

    void check_node_count() {
        if (config_.nodes.empty()) {
            report("nodes", "at least one node is needed, e.g. - {name: n1, host: 10.0.0.1}");
        } else if (config_.mode == ClusterMode::Single && config_.nodes.size() > 1) {
            report("nodes", fmt::format("{} nodes, but mode \"single\" takes one", config_.nodes.size()),
                   "mode");
        }
    }

    void check_node_names() {
        std::set<std::string_view> seen;
        for (std::size_t i = 0; i < config_.nodes.size(); ++i) {
            const std::string& name = config_.nodes[i].name;
            const std::string field = node_field(i, "name");
            if (!is_node_name(name)) {
                report(field,
                       fmt::format("{} is not a node name; allowed: letters, digits, \"_\", \"-\", \".\"",
                                   quoted_for_message(name)));
            } else if (is_reserved(name)) {
                report(field,
                       fmt::format("\"{}\" is a word of routing rules; give the node another name", name));
            } else if (!seen.insert(name).second) {
                report(field, fmt::format("a second node named \"{}\"", name));
            }
        }
    }

    void check_node_addresses() {
        std::map<std::pair<std::string_view, std::uint16_t>, std::string_view> seen;
        for (std::size_t i = 0; i < config_.nodes.size(); ++i) {
            const Node& node = config_.nodes[i];
            if (node.host.find_first_of(" \t\n") != std::string::npos) {
                report(node_field(i, "host"),
                       fmt::format("{} has a blank in it", quoted_for_message(node.host)));
            }
            const auto [other, is_new] = seen.try_emplace({node.host, node.port}, node.name);
            if (!is_new) {
                report(node_field(i, "host"),
                       fmt::format("{} port {} is already node {}", shown_in_message(node.host), node.port,
                                   quoted_for_message(other->second)));
            }
            if (is_own_address(node)) {
                report(node_field(i, "host"),
                       fmt::format("{} port {} is the proxy itself (listen.addresses, listen.port)",
                                   shown_in_message(node.host), node.port),
                       "listen");
            }
        }
    }

    [[nodiscard]] bool is_own_address(const Node& node) const {
        const std::vector<std::string>& own = config_.listen.addresses;
        if (node.port != config_.listen.port) return false;
        return std::find(own.begin(), own.end(), node.host) != own.end() ||
               node.host == config_.listen.unix_socket_directory;
    }

    void check_read_share() {
        const bool has_share = std::any_of(config_.nodes.begin(), config_.nodes.end(),
                                           [](const Node& node) { return node.weight > 0; });
        if (!config_.nodes.empty() && !has_share && !config_.routing.primary_reads) {
            report("routing.primary_reads", "off, and no node has a weight above 0: nobody would serve reads",
                   "nodes");
        }
    }

    void check_listen() {
        std::set<std::string_view> seen;
        const Listen& listen = config_.listen;
        for (const std::string& address : listen.addresses) {
            if (!seen.insert(address).second) {
                report("listen.addresses", fmt::format("{} stands twice", quoted_for_message(address)));
            }
        }
        if (listen.addresses.empty() && listen.unix_socket_directory.empty()) {
            report("listen.addresses", "empty, and listen.unix_socket_directory too: nobody could connect");
        }
        if (!listen.unix_socket_directory.empty() && !listen.unix_socket_directory.starts_with('/')) {
            report(
                "listen.unix_socket_directory",
                fmt::format("{} is not an absolute path", quoted_for_message(listen.unix_socket_directory)));
        }
    }

    void check_pool() {
        if (config_.pool.min_size > config_.pool.size) {
            report("pool.min_size",
                   fmt::format("{} is more than pool.size ({})", config_.pool.min_size, config_.pool.size));
        }
    }

    void check_rules() {
        for (std::size_t i = 0; i < config_.routing.rules.size(); ++i) {
            const std::string& target = config_.routing.rules[i].target;
            const bool is_node = std::any_of(config_.nodes.begin(), config_.nodes.end(),
                                             [&](const Node& node) { return node.name == target; });
            if (is_node || is_reserved(target)) continue;
            report(fmt::format("routing.rules[{}].target", i),
                   fmt::format("no node is named {}; allowed: primary, standby, any, the name of a node",
                               quoted_for_message(target)),
                   "nodes");
        }
    }

    void check_functions() {
        const std::vector<std::string>& writers = config_.routing.write_functions;
        for (const std::string& name : config_.routing.read_only_functions) {
            if (std::find(writers.begin(), writers.end(), name) == writers.end()) continue;
            report("routing.read_only_functions",
                   fmt::format("{} is also in routing.write_functions", quoted_for_message(name)));
        }
    }

    void check_auth_query() {
        const Auth& auth = config_.auth;
        if (auth.auth_user.empty()) {
            const bool is_set =
                !auth.auth_query.empty() && auth.auth_query != default_config().auth.auth_query;
            if (is_set) report("auth.auth_query", "needs auth.auth_user, the role that runs it");
        } else if (auth.auth_query.empty()) {
            report("auth.auth_query", "empty, but auth.auth_user is set");
        } else if (auth.auth_query.find("$1") == std::string::npos) {
            report("auth.auth_query", "has no $1, which stands for the user's name");
        }
    }

    void check_access() {
        for (std::size_t i = 0; i < config_.auth.access.size(); ++i) {
            const std::string& address = config_.auth.access[i].address;
            if (address.empty() || address == "local" || is_network(address)) continue;
            report(fmt::format("auth.access[{}].address", i),
                   fmt::format("{} is not a network; allowed: e.g. 10.0.0.0/8, ::1/128, 192.0.2.7, local",
                               quoted_for_message(address)));
        }
    }

    void check_watchdog() {
        const Watchdog& watchdog = config_.watchdog;
        std::set<std::string_view> names;
        std::map<std::string_view, std::string_view> addresses;
        for (std::size_t i = 0; i < watchdog.members.size(); ++i) {
            const Member& member = watchdog.members[i];
            const std::string field = fmt::format("watchdog.members[{}].", i);
            if (!is_node_name(member.name)) {
                report(field + "name",
                       fmt::format("{} is not a member name; allowed: letters, digits, \"_\", \"-\", \".\"",
                                   quoted_for_message(member.name)));
            } else if (!names.insert(member.name).second) {
                report(field + "name", fmt::format("a second member named \"{}\"", member.name));
            }
            const auto [other, is_new] = addresses.try_emplace(member.address, member.name);
            if (!is_new) {
                report(field + "address",
                       fmt::format("{} is already member {}", shown_in_message(member.address),
                                   quoted_for_message(other->second)));
            }
        }
        if (watchdog.members.size() == 1)
            report("watchdog.members",
                   "one member alone is not listed: leave the list empty, or name the others");
        for (const auto& [field, name] :
             {std::pair{"watchdog.name", &watchdog.name}, std::pair{"watchdog.witness", &watchdog.witness}}) {
            if (!name->empty() && !watchdog.members.empty() && !names.contains(*name))
                report(field, fmt::format("no member is named \"{}\" in watchdog.members", *name));
        }
        if (!watchdog.witness.empty() && watchdog.members.empty())
            report("watchdog.witness", "there is no list of members (watchdog.members) that it could be in");
        if (watchdog.maximum_lag > 0 && watchdog.durability == Durability::Strict) {
            report("watchdog.maximum_lag",
                   "nothing may be lost with watchdog.durability: strict; allowed: 0");
        }
    }

    void check_vip() {
        const Vip& vip = config_.vip;
        std::set<std::pair<unsigned, AddressBytes>> seen;
        for (std::size_t i = 0; i < vip.addresses.size(); ++i) {
            const std::string& text = vip.addresses[i].address;
            const std::string field = fmt::format("vip.addresses[{}].address", i);
            const std::optional<ParsedAddress> address = parse_address(text);
            if (!address) {
                report(field, fmt::format("{} is not an address; allowed: e.g. 10.0.0.100, fd00::100",
                                          quoted_for_message(text)));
            } else if (!seen.insert({address->bits, address->bytes}).second) {
                report(field, fmt::format("{} stands twice", quoted_for_message(text)));
            }
        }
        if (vip.lifetime % seconds(1) != milliseconds(0))
            report("vip.lifetime", "the kernel counts lifetimes in whole seconds");
        if (config_.watchdog.enabled && vip.lifetime > longest_vip_lifetime(config_.watchdog.profile)) {
            report("vip.lifetime",
                   fmt::format("the lease is too short for it, no address would ever be held; allowed: {}s, "
                               "with watchdog.profile wan up to {}s",
                               longest_vip_lifetime(TimerProfile::Default) / seconds(1),
                               longest_vip_lifetime(TimerProfile::Wan) / seconds(1)),
                   "watchdog");
        }
        if (vip.refresh * 2 > vip.lifetime) {
            report("vip.refresh",
                   "more than half of vip.lifetime: one late refresh would lose the addresses");
        }
    }

    const Config& config_;
    std::vector<Finding> findings_;
};

}  // namespace

milliseconds longest_vip_lifetime(TimerProfile profile) {
    return profile == TimerProfile::Wan ? seconds(5) : seconds(1);
}

std::vector<Finding> validate(const Config& config) {
    return Validator(config).run();
}

}  // namespace pgpool::config
