// SPDX-License-Identifier: PostgreSQL
// pgpool-ctl switchover, promote, maintenance, vip, lease; attach and detach where the watchdog decides.
#include "ctl/cluster/changes.h"

#include <fmt/core.h>

#include <cstdio>

#include "ctl/bus/hub_session.h"
#include "ctl/cluster/fields.h"
#include "ctl/commands.h"

namespace pgpool::ctl {

namespace {

// The holder may be another member, and a hand-over takes a moment.
constexpr milliseconds kChangeTime{60'000};

enum class Ends : std::uint8_t { AtOnce, Later };

void tell(const Json& answer, Ends ends, const Options& options) {
    if (options.is_json) {
        std::fputs(render(answer).c_str(), stdout);
        return;
    }
    const std::string reason = text_of(answer, "reason");
    const std::string until = text_of(answer, "until");
    std::printf("%s%s%s\n", ends == Ends::Later ? "begun" : "done",
                until == "-" ? "" : (" until " + until).c_str(),
                reason == "-" ? "" : (": " + reason).c_str());
    if (ends == Ends::Later) std::puts("pgpool-ctl status --watch shows how it goes on");
}

Outcome<ExitCode> change(const config::Config& config, const Options& options, const bus::Request& request,
                         Ends ends) {
    auto session = HubSession::connect(config);
    if (!session) return tl::unexpected(session.error());
    const auto answer = (*session)->ask(request, kChangeTime);
    if (!answer) return tl::unexpected(answer.error());
    tell(*answer, ends, options);
    return ExitCode::Ok;
}

std::optional<Failure> missing_in(const Options& options) {
    if (options.verb == "off") return std::nullopt;
    if (options.duration.count() == 0)
        return Failure{ExitCode::Usage, "maintenance on needs an end",
                       "pgpool-ctl maintenance on --for 30min --reason TEXT; it can be ended before"};
    if (options.reason.empty())
        return Failure{ExitCode::Usage, "maintenance on needs a reason: others will see it and wonder",
                       "pgpool-ctl maintenance on --for 30min --reason TEXT"};
    return std::nullopt;
}

constexpr const char* kForceWarning =
    "lease force: you vouch that the member that held the lease last does not act any more, and it is not "
    "waited\n"
    "for. If it does, there will be two primaries, and commits will be lost";
constexpr const char* kForceHint =
    "see that it is switched off, or cut off from nodes and clients; then: pgpool-ctl lease force --yes";

}  // namespace

Outcome<ExitCode> run_switchover(const config::Config& config, const Options& options) {
    return change(config, options, bus::request::Switchover{options.node}, Ends::Later);
}

Outcome<ExitCode> run_promote(const config::Config& config, const Options& options) {
    return change(config, options, bus::request::Promote{options.node, options.is_forced}, Ends::Later);
}

Outcome<ExitCode> run_maintenance(const config::Config& config, const Options& options) {
    if (const auto missing = missing_in(options)) return tl::unexpected(*missing);
    const bool is_on = options.verb == "on";
    const bus::request::Maintenance request{is_on ? std::chrono::ceil<seconds>(options.duration) : seconds(0),
                                            is_on ? options.reason : ""};
    return change(config, options, request, Ends::AtOnce);
}

Outcome<ExitCode> run_vip(const config::Config& config, const Options& options) {
    return change(config, options, bus::request::MoveVip{options.member}, Ends::Later);
}

Outcome<ExitCode> run_lease(const config::Config& config, const Options& options) {
    using Verb = bus::request::Lease::Verb;
    if (options.verb == "release")
        return change(config, options, bus::request::Lease{Verb::Release}, Ends::AtOnce);
    if (!options.is_confirmed) return failed(ExitCode::Usage, kForceWarning, kForceHint);
    std::fprintf(stderr, "pgpool-ctl: %s\n", kForceWarning);
    return change(config, options, bus::request::Lease{Verb::Force}, Ends::AtOnce);
}

bool is_watchdogs_to_attach(const config::Config& config) {
    return config.watchdog.enabled && config.mode != config::ClusterMode::Replication;
}

Outcome<ExitCode> attach_by_watchdog(const config::Config& config, const Options& options) {
    if (options.is_forced || options.verifies)
        return failed(ExitCode::Usage, "--force and --verify are for mode replication",
                      "the watchdog sees by itself whether a node can follow the primary");
    return change(config, options, bus::request::Attach{options.node}, Ends::AtOnce);
}

Outcome<ExitCode> detach_by_watchdog(const config::Config& config, const Options& options) {
    return change(config, options, bus::request::Detach{options.node, options.reason}, Ends::AtOnce);
}

}  // namespace pgpool::ctl
