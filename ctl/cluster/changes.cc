// SPDX-License-Identifier: PostgreSQL
// pgpool-ctl switchover, promote, maintenance, pause, resume, vip, lease; attach and detach where the
// watchdog decides.
#include "ctl/cluster/changes.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <thread>

#include "ctl/bus/hub_session.h"
#include "ctl/cluster/fields.h"
#include "ctl/cluster/role_watch.h"
#include "ctl/commands.h"

namespace pgpool::ctl {

namespace {

// The holder may be another member, and a hand-over takes a moment.
constexpr milliseconds kChangeTime{60'000};
constexpr milliseconds kLookPause{100};
constexpr seconds kReturnTime{10};  // of a primary that was started before clients may go on
constexpr seconds kBeginTime{10};   // until all members have recorded it
// A checkpoint may last five minutes, the rest of a switchover well under one.
constexpr milliseconds kRoleTime{420'000};

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
    const auto answer = ask_once(config, request, kChangeTime);
    if (!answer) return tl::unexpected(answer.error());
    tell(*answer, ends, options);
    return ExitCode::Ok;
}

std::string last_reason(HubWatch& hub) {
    const auto why = hub.ask(bus::request::Why{1}, kChangeTime);
    const Json& list = why ? list_of(*why, "decisions") : Json::array();
    return list.empty() ? "pgpool-ctl why tells more" : text_of(list.back(), "reason");
}

Outcome<ExitCode> wait_for_end(HubWatch& hub, const Options& options, const std::string& before) {
    RoleWatch watch(before);
    const TimePoint begun = SteadyClock::now();
    for (;;) {
        const auto elapsed = std::chrono::duration_cast<milliseconds>(SteadyClock::now() - begun);
        const auto status = hub.ask(bus::request::Status{}, kChangeTime);
        // A watchdog that is away for a moment ends nothing.
        const auto verdict = status ? watch.look(*status, elapsed) : RoleWatch::Verdict::UnderWay;
        if (verdict == RoleWatch::Verdict::Done) {
            const std::string primary = text_of(*status, "primary");
            std::fputs((options.is_json ? render(Json{{"primary", primary}})
                                        : "done: " + primary + " is the primary\n")
                           .c_str(),
                       stdout);
            return ExitCode::Ok;
        }
        if (verdict == RoleWatch::Verdict::Dropped)
            return failed(ExitCode::Differs, before + " is the primary as before: " + last_reason(hub),
                          "pgpool-ctl why has all decisions");
        if (elapsed >= kRoleTime)
            return failed(ExitCode::Differs, "it is not over yet",
                          "pgpool-ctl status tells what is waited for");
        std::this_thread::sleep_for(kLookPause);
    }
}

Outcome<ExitCode> change_role(const config::Config& config, const Options& options,
                              const bus::Request& request) {
    if (!options.node.empty()) {
        if (auto name = checked_name(config, options.node); !name) return tl::unexpected(name.error());
    }
    if (!options.waits) return change(config, options, request, Ends::Later);
    HubWatch hub(config);
    const auto status = hub.ask(bus::request::Status{}, kChangeTime);
    if (!status) return tl::unexpected(status.error());
    const auto answer = hub.ask(request, kChangeTime);
    if (!answer) return tl::unexpected(answer.error());
    return wait_for_end(hub, options, text_of(*status, "primary"));
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

bus::Request pause_of(const config::Config& config, const Options& options) {
    const milliseconds wanted =
        options.duration.count() > 0 ? options.duration : config.health.failover_park_timeout;
    const seconds duration = std::clamp(std::chrono::ceil<seconds>(wanted), seconds(1), bus::kLongestPause);
    return bus::request::Pause{duration, options.reason.empty() ? "by the operator" : options.reason};
}

void tell_paused(const Json& status, const Json& pause, const Options& options) {
    const std::string primary = text_of(status, "primary");
    const std::string until = text_of(pause, "until");
    if (options.is_json)
        std::fputs(render(Json{{"primary", primary}, {"until", until}}).c_str(), stdout);
    else
        std::printf("paused until %s: nothing is under way at %s\npgpool-ctl resume lets clients go on\n",
                    until.c_str(), primary.c_str());
}

// The pause ends by itself, so this does.
Outcome<ExitCode> wait_until_quiet(HubWatch& hub, const Options& options) {
    std::string last = "what is under way is not known";
    bool has_begun = false;
    const TimePoint asked = SteadyClock::now();
    while (SteadyClock::now() - asked < (has_begun ? bus::kLongestPause : kBeginTime)) {
        const auto status = hub.ask(bus::request::Status{}, kChangeTime);
        const Json pause = status ? member_of(*status, "pause") : Json();
        if (pause.is_object()) {
            has_begun = true;
            const auto under_way = number_of(pause, "under_way");
            if (under_way == 0) {
                tell_paused(*status, pause, options);
                return ExitCode::Ok;
            }
            if (under_way) last = fmt::format("{} transactions were under way to its end", *under_way);
        } else if (status && has_begun) {
            return failed(ExitCode::Differs, "the pause is over: " + last,
                          "pg_stat_activity on the primary shows whose they are; a longer one: --for");
        }
        std::this_thread::sleep_for(kLookPause);
    }
    return failed(ExitCode::Differs, last, "pgpool-ctl status tells more");
}

constexpr const char* kForceWarning =
    "lease force: you vouch that the member that held the lease last does not act any more, and it is not "
    "waited\n"
    "for. If it does, there will be two primaries, and commits will be lost";
constexpr const char* kForceHint =
    "see that it is switched off, or cut off from nodes and clients; then: pgpool-ctl lease force --yes";

}  // namespace

Outcome<ExitCode> run_switchover(const config::Config& config, const Options& options) {
    return change_role(config, options, bus::request::Switchover{options.node});
}

Outcome<ExitCode> run_promote(const config::Config& config, const Options& options) {
    return change_role(config, options, bus::request::Promote{options.node, options.is_forced});
}

Outcome<ExitCode> run_maintenance(const config::Config& config, const Options& options) {
    if (const auto missing = missing_in(options)) return tl::unexpected(*missing);
    const bool is_on = options.verb == "on";
    const bus::request::Maintenance request{is_on ? std::chrono::ceil<seconds>(options.duration) : seconds(0),
                                            is_on ? options.reason : ""};
    return change(config, options, request, Ends::AtOnce);
}

Outcome<ExitCode> run_pause(const config::Config& config, const Options& options) {
    HubWatch hub(config);
    const auto answer = hub.ask(pause_of(config, options), kChangeTime);
    if (!answer) return tl::unexpected(answer.error());
    const milliseconds patience = config.health.failover_park_timeout;
    if (options.duration > patience)
        std::fprintf(
            stderr,
            "pgpool-ctl: who waits for more than %lld s gets an error (health.failover_park_timeout)\n",
            static_cast<long long>(std::chrono::duration_cast<seconds>(patience).count()));
    return wait_until_quiet(hub, options);
}

// What is back is seen a moment later.
Outcome<ExitCode> run_resume(const config::Config& config, const Options& options) {
    HubWatch hub(config);
    const TimePoint begun = SteadyClock::now();
    for (;;) {
        const auto answer = hub.ask(bus::request::Pause{}, kChangeTime);
        if (answer) {
            tell(*answer, Ends::AtOnce, options);
            return ExitCode::Ok;
        }
        const bool may_come_back = answer.error().code == ExitCode::Differs;
        if (!may_come_back || SteadyClock::now() - begun >= kReturnTime)
            return tl::unexpected(answer.error());
        std::this_thread::sleep_for(kLookPause);
    }
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
