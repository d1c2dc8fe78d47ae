// SPDX-License-Identifier: PostgreSQL
#include "ctl/setup/hosts.h"

#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <memory>

namespace pgpool::ctl {

namespace {

std::string resolved(const std::string& host) {
    if (host.empty() || host.front() == '/') return host;
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    if (::getaddrinfo(host.c_str(), nullptr, &wanted, &list) != 0) return host;
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(list->ai_addr, list->ai_addrlen, text.data(), text.size(), nullptr, 0,
                      NI_NUMERICHOST) != 0)
        return host;
    return text.data();
}

}  // namespace

Hosts hosts_of(const config::Config& config) {
    Hosts hosts;
    for (const config::Member& member : config.watchdog.members)
        hosts.emplace(member.address, resolved(member.address));
    for (const config::Node& node : config.nodes) hosts.emplace(node.host, resolved(node.host));
    return hosts;
}

}  // namespace pgpool::ctl
