// SPDX-License-Identifier: PostgreSQL
#include "vip/clients_file.h"

#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace pgpool::vip {

namespace {

Result<Connection> parse_line(std::string_view line) {
    const std::size_t blank = line.find(' ');
    if (blank == std::string_view::npos)
        return fail(sqlstate::kConfigFileError, "two ends of a connection are expected");
    const Result<Endpoint> own = Endpoint::parse(line.substr(0, blank));
    const Result<Endpoint> client = Endpoint::parse(line.substr(blank + 1));
    if (!own || !client) return tl::unexpected((own ? client : own).error());
    if (own->address.family() != client->address.family())
        return fail(sqlstate::kConfigFileError, "IPv4 and IPv6 are mixed");
    return Connection{*own, *client};
}

}  // namespace

Result<std::vector<Connection>> parse_clients(std::string_view text) {
    std::vector<Connection> clients;
    for (int number = 1; !text.empty(); ++number) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        line = line.substr(0, line.find('#'));
        while (line.ends_with(' ')) line.remove_suffix(1);
        if (line.empty()) continue;
        const Result<Connection> parsed = parse_line(line);
        if (!parsed) return tl::unexpected(parsed.error().within(fmt::format("line {}", number)));
        clients.push_back(*parsed);
    }
    return clients;
}

Result<std::vector<Connection>> read_clients(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file.is_open() || file.bad()) return fail(sqlstate::kConfigFileError, "cannot read " + path);
    auto clients = parse_clients(text.str());
    if (!clients) return tl::unexpected(clients.error().within(path));
    return clients;
}

}  // namespace pgpool::vip
