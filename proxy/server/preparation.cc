// SPDX-License-Identifier: PostgreSQL
#include "proxy/server/preparation.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "common/obs/log.h"

namespace pgpool::server {

namespace {

void warn_of_readable_secrets(const std::string& file) {
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0 || (status.st_mode & S_IROTH) == 0) return;
    log::warning("users_file_readable_by_all", {{"file", file}, {"hint", "chmod o-rwx"}});
}

Result<void> check_directory(const std::string& directory) {
    struct stat status {};
    int error = ::stat(directory.c_str(), &status) != 0 ? errno : 0;
    if (error == 0 && !S_ISDIR(status.st_mode)) error = ENOTDIR;
    if (error == 0 && ::access(directory.c_str(), W_OK | X_OK) != 0) error = errno;
    if (error == 0) return {};
    return fail_errno(directory, error);
}

// systemd makes the usual one when the service starts: a check before that should not puzzle anybody.
Result<void> check_state_directory(const std::string& directory) {
    auto usable = check_directory(directory);
    if (!usable && ::access(directory.c_str(), F_OK) != 0 && errno == ENOENT) {
        usable.error().message += fmt::format(
            " (the service makes /var/lib/pgpool when it starts under systemd; otherwise, and to check "
            "before: install -d -m 700 -o USER {}, with the user that the proxy runs as)",
            directory);
    }
    return usable;
}

Result<net::Address> unix_listener(const config::Listen& listen) {
    if (const auto usable = check_directory(listen.unix_socket_directory); !usable)
        return tl::unexpected(usable.error());
    return net::unix_address(listen.unix_socket_directory, listen.port);
}

// By its form: an address with an error, as 127.0.0.300, is none and never resolves.
bool is_host_name(std::string_view host) {
    if (host.ends_with('.')) host.remove_suffix(1);  // of a name that is complete
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    const auto fits = [&](char c) {
        return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
               c == '.';
    };
    const std::string_view last = host.substr(host.rfind('.') + 1);
    return std::ranges::all_of(host, fits) && !std::ranges::all_of(last, is_digit);
}

}  // namespace

Result<session::AuthTablesPtr> load_auth(const config::Config& config) {
    auto tables = std::make_shared<session::AuthTables>();
    if (!config.auth.users_file.empty()) {
        auto users = auth::load_users_file(config.auth.users_file);
        if (!users) return tl::unexpected(users.error().within("auth.users_file"));
        warn_of_readable_secrets(config.auth.users_file);
        tables->users = std::move(*users);
    }
    auto access = auth::AccessList::compile(config.auth.access);
    if (!access) return tl::unexpected(access.error());
    if (config.auth.access.empty()) {
        log::warning("nobody_can_log_in", {{"reason", "auth.access is empty"},
                                           {"hint", "a rule for each network that clients come from"}});
    }
    tables->access = std::move(*access);
    return tables;
}

tl::expected<Preparation, Refusal> prepare(const config::Config& config) {
    Preparation ready;
    Refusal refusal;
    const auto refuse = [&](const Error& error, bool may_pass) {
        refusal.reasons.push_back(error.message);
        refusal.may_pass = refusal.may_pass && may_pass;
    };
    if (auto tables = load_auth(config)) {
        ready.auth_tables = std::move(*tables);
    } else {
        refuse(tables.error(), false);
    }
    const config::Listen& listen = config.listen;
    for (const std::string& host : listen.addresses) {
        const auto found = net::resolve(host, listen.port);
        if (!found) {
            refuse(found.error().within("listen.addresses"), is_host_name(host));
            continue;
        }
        ready.addresses.insert(ready.addresses.end(), found->begin(), found->end());
    }
    if (!listen.unix_socket_directory.empty()) {
        if (const auto address = unix_listener(listen)) {
            ready.addresses.push_back(*address);
        } else {
            refuse(address.error().within("listen.unix_socket_directory"), false);
        }
    }
    if (config.watchdog.enabled) {
        if (auto bus = ipc::bus_of(config.watchdog)) {
            ready.bus = std::move(*bus);
        } else {
            refuse(bus.error(), false);
        }
    }
    if (config.mode == config::ClusterMode::Replication) {
        if (const auto usable = check_state_directory(config.replication.state_directory); !usable)
            refuse(usable.error().within("replication.state_directory"), false);
    }
    if (!refusal.reasons.empty()) return tl::unexpected(std::move(refusal));
    return ready;
}

}  // namespace pgpool::server
