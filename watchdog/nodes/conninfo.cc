// SPDX-License-Identifier: PostgreSQL
#include "watchdog/nodes/conninfo.h"

#include <fmt/core.h>
#include <libpq-fe.h>

#include <memory>

namespace pgpool::nodes {

namespace {

struct OptionsDeleter {
    void operator()(PQconninfoOption* options) const { ::PQconninfoFree(options); }
};

std::string quoted(const std::string& value) {
    std::string text = "'";
    for (const char c : value) {
        if (c == '\'' || c == '\\') text += '\\';
        text += c;
    }
    return text + "'";
}

}  // namespace

Conninfo parse_conninfo(const std::string& text) {
    Conninfo conninfo;
    const std::unique_ptr<PQconninfoOption, OptionsDeleter> options(::PQconninfoParse(text.c_str(), nullptr));
    if (!options) return conninfo;
    for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
        if (option->val != nullptr) conninfo[option->keyword] = option->val;
    }
    return conninfo;
}

std::string to_text(const Conninfo& conninfo) {
    std::string text;
    for (const auto& [keyword, value] : conninfo)
        text += fmt::format("{}{}={}", text.empty() ? "" : " ", keyword, quoted(value));
    return text;
}

std::string follow_conninfo(const std::string& before, const config::Node& upstream,
                            const std::string& standby, const config::Health& login) {
    Conninfo conninfo = parse_conninfo(before);
    if (conninfo.empty()) {
        conninfo["user"] = login.user;
        if (!login.password.empty()) conninfo["password"] = login.password;
    }
    conninfo.erase("hostaddr");
    conninfo["host"] = upstream.host;
    conninfo["port"] = std::to_string(upstream.port);
    conninfo["application_name"] = standby;
    return to_text(conninfo);
}

}  // namespace pgpool::nodes
