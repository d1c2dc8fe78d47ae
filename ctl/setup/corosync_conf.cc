// SPDX-License-Identifier: PostgreSQL
#include "ctl/setup/corosync_conf.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <sstream>

namespace pgpool::ctl {

namespace {

bool is_ipv4(const std::string& address) {
    return address.find_first_not_of("0123456789.") == std::string::npos;
}

bool is_ipv6(const std::string& address) {
    return address.find(':') != std::string::npos;
}

// For names Corosync's own choice: IPv6 if there is one.
std::string ip_version(const std::vector<config::Member>& members) {
    const auto all = [&](bool (*is_it)(const std::string&)) {
        return std::all_of(members.begin(), members.end(),
                           [&](const config::Member& member) { return is_it(member.address); });
    };
    if (all(is_ipv4)) return "  ip_version: ipv4\n";
    return all(is_ipv6) ? "  ip_version: ipv6\n" : "";
}

std::string pings(const Timers& timers) {
    if (timers.ping_interval.count() == 0) return "";
    return fmt::format(
        "  interface {{\n    linknumber: 0\n    knet_ping_interval: {}\n    knet_ping_timeout: {}\n  }}\n",
        timers.ping_interval.count(), timers.ping_timeout.count());
}

std::string totem(const config::Watchdog& watchdog, const std::string& directory) {
    const Timers timers = timers_of(watchdog.profile, watchdog.members.size());
    return fmt::format(
               "totem {{\n  version: 2\n  cluster_name: pgpool\n  transport: knet\n{}"
               "  crypto_cipher: aes256\n  crypto_hash: sha256\n  keyfile: {}/authkey\n"
               "  token: {}\n  consensus: {}\n  join: 50\n  token_coefficient: 0\n",
               ip_version(watchdog.members), directory, timers.token.count(), timers.consensus.count()) +
           pings(timers) + "}\n";
}

std::string nodelist(const std::vector<config::Member>& members) {
    std::string text = "nodelist {\n";
    for (std::size_t i = 0; i < members.size(); ++i) {
        text += fmt::format("  node {{\n    nodeid: {}\n    name: {}\n    ring0_addr: {}\n  }}\n", i + 1,
                            members[i].name, members[i].address);
    }
    return text + "}\n";
}

std::string quorum(std::size_t members) {
    return fmt::format(
        "# It decides nothing: the lease of pgpool-watchdog does.\nquorum {{\n  provider: "
        "corosync_votequorum\n"
        "{}}}\n",
        members == 2 ? "  two_node: 1\n" : "");
}

std::string trimmed(const std::string& line) {
    const auto begin = line.find_first_not_of(" \t\r");
    if (begin == std::string::npos || line[begin] == '#') return "";
    return line.substr(begin, line.find_last_not_of(" \t\r") - begin + 1);
}

// What has a meaning.
std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
        if (std::string words = trimmed(line); !words.empty()) lines.push_back(std::move(words));
    }
    return lines;
}

// The values of "key: value", wherever it stands.
std::vector<std::string> values_of(const std::vector<std::string>& lines, const std::string& key) {
    std::vector<std::string> values;
    for (const std::string& line : lines) {
        const auto colon = line.find(':');
        if (colon == std::string::npos || trimmed(line.substr(0, colon)) != key) continue;
        values.push_back(trimmed(line.substr(colon + 1)));
    }
    return values;
}

void compare_members(const config::Watchdog& watchdog, const std::vector<std::string>& lines,
                     std::vector<std::string>& found) {
    const std::vector<std::string> values = values_of(lines, "ring0_addr");
    std::set<std::string> addresses(values.begin(), values.end());
    for (const config::Member& member : watchdog.members) {
        if (addresses.erase(member.address) == 0)
            found.push_back(
                fmt::format("member {} has no node there: no ring0_addr: {}", member.name, member.address));
    }
    for (const std::string& address : addresses)
        found.push_back(fmt::format("ring0_addr: {} is no member of watchdog.members", address));
}

void compare_ciphers(const std::vector<std::string>& lines, std::vector<std::string>& found) {
    for (const char* key : {"crypto_cipher", "crypto_hash"}) {
        const std::vector<std::string> values = values_of(lines, key);
        if (values.empty() || values.front() == "none")
            found.push_back(fmt::format(
                "no {}: whoever reaches the network of the members can speak for one of them", key));
    }
}

void compare_token(const config::Watchdog& watchdog, const std::vector<std::string>& lines,
                   std::vector<std::string>& found) {
    const Timers wanted = timers_of(watchdog.profile, watchdog.members.size());
    const std::vector<std::string> values = values_of(lines, "token");
    const std::string token = values.empty() ? "1000" : values.front();  // corosync.conf(5)
    if (token != std::to_string(wanted.token.count()))
        found.push_back(fmt::format("token is {}, watchdog.profile wants {}", token, wanted.token.count()));
}

}  // namespace

Timers timers_of(config::TimerProfile profile, std::size_t members) {
    const bool is_pair = members == 2;
    switch (profile) {
        case config::TimerProfile::Fast:
            return {milliseconds(300), milliseconds(is_pair ? 100 : 360), milliseconds(200), seconds(1)};
        case config::TimerProfile::Wan:
            return {milliseconds(3000), milliseconds(3600), milliseconds(0), milliseconds(0)};
        case config::TimerProfile::Default:
            break;
    }
    return {milliseconds(600), milliseconds(is_pair ? 150 : 720), milliseconds(200), seconds(1)};
}

std::string corosync_conf(const config::Watchdog& watchdog, const std::string& directory) {
    return totem(watchdog, directory) + nodelist(watchdog.members) + quorum(watchdog.members.size()) +
           "logging {\n  to_stderr: no\n  to_syslog: yes\n}\n";
}

std::string uidgid_file(const config::Watchdog& watchdog) {
    return fmt::format("uidgid {{\n  gid: {}\n}}\n", watchdog.group);
}

std::vector<std::string> differences(const std::string& wanted, const std::string& found) {
    std::multiset<std::string> extra;
    for (const std::string& line : lines_of(found)) extra.insert(line);
    std::vector<std::string> list;
    for (const std::string& line : lines_of(wanted)) {
        const auto match = extra.find(line);
        if (match == extra.end()) {
            list.push_back("lacks: " + line);
        } else {
            extra.erase(match);
        }
    }
    for (const std::string& line : extra) list.push_back("has: " + line);
    if (list.empty() && lines_of(wanted) != lines_of(found)) list.push_back("has its lines in another order");
    return list;
}

Disagreements disagreements(const config::Watchdog& watchdog, const std::string& conf) {
    const std::vector<std::string> lines = lines_of(conf);
    Disagreements found;
    compare_members(watchdog, lines, found.members);
    compare_ciphers(lines, found.settings);
    compare_token(watchdog, lines, found.settings);
    return found;
}

}  // namespace pgpool::ctl
