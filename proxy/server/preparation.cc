// SPDX-License-Identifier: PostgreSQL
#include "proxy/server/preparation.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
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

Result<net::Address> unix_listener(const config::Listen& listen) {
    if (const auto usable = check_directory(listen.unix_socket_directory); !usable)
        return tl::unexpected(usable.error());
    return net::unix_address(listen.unix_socket_directory, listen.port);
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

tl::expected<Preparation, std::vector<std::string>> prepare(const config::Config& config) {
    Preparation ready;
    std::vector<std::string> refused;
    if (auto tables = load_auth(config)) {
        ready.auth_tables = std::move(*tables);
    } else {
        refused.push_back(tables.error().message);
    }
    const config::Listen& listen = config.listen;
    for (const std::string& host : listen.addresses) {
        const auto found = net::resolve(host, listen.port);
        if (!found) {
            refused.push_back(found.error().within("listen.addresses").message);
            continue;
        }
        ready.addresses.insert(ready.addresses.end(), found->begin(), found->end());
    }
    if (!listen.unix_socket_directory.empty()) {
        if (const auto address = unix_listener(listen)) {
            ready.addresses.push_back(*address);
        } else {
            refused.push_back(address.error().within("listen.unix_socket_directory").message);
        }
    }
    if (!refused.empty()) return tl::unexpected(std::move(refused));
    return ready;
}

}  // namespace pgpool::server
