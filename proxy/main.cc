// SPDX-License-Identifier: PostgreSQL
// pgpool-proxy: reads its arguments and its configuration, then serves.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <memory>
#include <utility>

#include "common/config/document.h"
#include "common/config/load.h"
#include "common/obs/log.h"
#include "proxy/server/preparation.h"
#include "proxy/server/server.h"

namespace {

constexpr int kExitConfig = 2;   // the service manager does not try again
constexpr int kExitFailure = 1;  // a later start may do

struct Options {
    std::string config = "/etc/pgpool/appliance.yaml";
    bool check = false;
    bool help_config = false;
};

int serve(const Options& options) {
    auto outcome = pgpool::config::load_file(options.config);
    for (const auto& error : outcome.errors)
        std::fprintf(stderr, "%s\n", pgpool::config::to_string(error).c_str());
    if (!outcome.config) return kExitConfig;
    auto ready = pgpool::server::prepare(*outcome.config);
    if (!ready) {
        for (const auto& refused : ready.error().reasons)
            std::fprintf(stderr, "%s: %s\n", options.config.c_str(), refused.c_str());
        return ready.error().may_pass && !options.check ? kExitFailure : kExitConfig;
    }
    if (options.check) {
        std::printf("%s: no errors\n", options.config.c_str());
        return 0;
    }
    auto config = std::make_shared<const pgpool::config::Config>(std::move(*outcome.config));
    pgpool::log::set_level(config->log.level);
    pgpool::server::Server server(config, options.config, std::move(*ready));
    return server.run();
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app{
        "pgpool-proxy: connection pool and read balancer for PostgreSQL; follows the primary of a streaming\n"
        "cluster, or writes to all nodes (mode replication)"};
    app.add_option("-c,--config", options.config, "configuration file")->capture_default_str();
    app.add_flag("--check", options.check, "check the configuration and exit: 0 = no errors, 2 = errors");
    app.add_flag("--help-config", options.help_config, "describe every parameter of the configuration");
    app.set_version_flag("--version", "pgpool-proxy " PGPOOL_VERSION);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : kExitConfig;
    }
    if (options.help_config) {
        std::fputs(pgpool::config::help_text().c_str(), stdout);
        return 0;
    }
    try {
        return serve(options);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "pgpool-proxy: %s\n", error.what());
        return kExitFailure;
    }
}
