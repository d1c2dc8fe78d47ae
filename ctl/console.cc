// SPDX-License-Identifier: PostgreSQL
#include "ctl/console.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "common/pg/own_session.h"

namespace pgpool::ctl {

namespace {

using cluster::Reach;

constexpr seconds kConnectTime{5};
constexpr seconds kCommandTime{60};

std::string loopback_of(const std::string& address) {
    if (address == "*" || address == "0.0.0.0") return "127.0.0.1";
    return address == "::" ? "::1" : address;
}

bool says_nothing(Reach reach) {
    return reach == Reach::Unresolved || reach == Reach::Refused || reach == Reach::Unreachable ||
           reach == Reach::Timeout;
}

Failure no_proxy(const config::Config& config, const std::vector<std::string>& reasons) {
    return {
        ExitCode::Unreachable,
        fmt::format("the proxy does not answer at port {}: {}", config.listen.port, fmt::join(reasons, "; ")),
        "is it running? systemctl status pgpool-proxy"};
}

Failure refused(const config::Config& config, const std::string& user, const std::string& message) {
    return {ExitCode::Unreachable,
            fmt::format("the proxy refuses user \"{}\" at database \"{}\": {}", user, config.admin.database,
                        message),
            "the user must be in admin.users; its password comes from ~/.pgpass or PGPASSWORD"};
}

Failure of_console(const std::string& command, const pg::ClientError& error, bool usable) {
    if (!usable)
        return {ExitCode::Unreachable, fmt::format("the proxy has closed the connection: {}", error.message),
                ""};
    return {ExitCode::Differs,
            fmt::format("the proxy refuses {}: {} ({})", command, error.message, error.sqlstate.view()), ""};
}

}  // namespace

std::vector<std::string> console_hosts(const config::Listen& listen) {
    std::vector<std::string> hosts;
    if (!listen.unix_socket_directory.empty()) hosts.push_back(listen.unix_socket_directory);
    for (const std::string& address : listen.addresses) hosts.push_back(loopback_of(address));
    return hosts;
}

tl::expected<Console, Console::NoConsole> Console::connect(const config::Config& config,
                                                           const Options& options) {
    if (options.user.empty() && config.admin.users.empty()) {
        return tl::unexpected(NoConsole{{ExitCode::Usage, "nobody may use the console: admin.users is empty",
                                         "name an administrator there, reload the proxy, or give --user"}});
    }
    const std::string user = options.user.empty() ? config.admin.users.front() : options.user;
    std::vector<std::string> reasons;
    for (const std::string& host : console_hosts(config.listen)) {
        pg::ConnectParams params =
            pg::own_params(host, config.listen.port, {user, {}, config.admin.database, pg::OwnSession::Ctl});
        params.settings = pg::SessionSettings::None;
        auto client = pg::Client::connect(params, SteadyClock::now() + kConnectTime, nullptr);
        if (client) return Console(std::move(*client));
        if (!says_nothing(client.error().reach))
            return tl::unexpected(NoConsole{refused(config, user, client.error().message)});
        reasons.push_back(fmt::format("{}: {}", host, client.error().message));
    }
    return tl::unexpected(NoConsole{no_proxy(config, reasons), true});
}

pg::ClientResult<pg::Rows> Console::ask(const std::string& command) {
    return client_.query(command, {}, SteadyClock::now() + kCommandTime);
}

Outcome<pg::Rows> Console::run(const std::string& command) {
    auto rows = ask(command);
    if (!rows) return tl::unexpected(of_console(command, rows.error(), client_.usable()));
    return std::move(*rows);
}

Outcome<pg::Rows> Console::show(const std::string& what) {
    const std::string command = "SHOW " + what;
    auto rows = ask(command);
    if (rows) return std::move(*rows);
    const Failure first = of_console(command, rows.error(), client_.usable());
    if (!client_.usable() || rows.error().sqlstate != sqlstate::kSyntaxError) return tl::unexpected(first);
    auto again = ask("SHOW POOL_" + what);
    if (again) return std::move(*again);
    if (again.error().sqlstate == sqlstate::kSyntaxError) return tl::unexpected(first);
    return tl::unexpected(of_console("SHOW POOL_" + what, again.error(), client_.usable()));
}

}  // namespace pgpool::ctl
