// SPDX-License-Identifier: PostgreSQL
// pgpool-ctl status, why, log, fsm: nothing is changed by them.
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <thread>

#include "ctl/bus/hub_session.h"
#include "ctl/cluster/views.h"
#include "ctl/commands.h"

namespace pgpool::ctl {

namespace {

constexpr milliseconds kLookTime{5000};
constexpr milliseconds kEventPause{1000};

void tell(const std::string& text) {
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
}

std::string failure_text(const Failure& failure, const Options& options) {
    if (options.is_json) return Json{{"error", failure.message}, {"hint", failure.hint}}.dump() + "\n";
    return "pgpool-ctl: " + failure.message + "\n" + failure.hint + "\n";
}

std::string look(HubWatch& hub, const Options& options) {
    const auto status = hub.ask(bus::request::Status{}, kLookTime);
    if (!status) return failure_text(status.error(), options);
    return options.is_json ? status->dump() + "\n" : status_text(*status);
}

// Until a signal ends it.
[[noreturn]] void watch_status(const config::Config& config, const Options& options) {
    const bool is_screen = ::isatty(STDOUT_FILENO) == 1 && !options.is_json;
    const std::chrono::duration<double> period(*options.watch);
    HubWatch hub(config);
    for (;;) {
        const std::string text = look(hub, options);
        tell((is_screen ? "\x1b[H\x1b[2J" : "") + text + (is_screen || options.is_json ? "" : "\n"));
        std::this_thread::sleep_for(period);
    }
}

}  // namespace

Outcome<ExitCode> run_status(const config::Config& config, const Options& options) {
    if (options.watch && config.watchdog.enabled) watch_status(config, options);
    const auto status = ask_once(config, bus::request::Status{}, kLookTime);
    if (!status) return tl::unexpected(status.error());
    tell(options.is_json ? render(*status) : status_text(*status));
    return ExitCode::Ok;
}

Outcome<ExitCode> run_why(const config::Config& config, const Options& options) {
    const auto why = ask_once(config, bus::request::Why{options.count}, kLookTime);
    if (!why) return tl::unexpected(why.error());
    tell(options.is_json ? render(*why) : decisions_text(*why));
    return ExitCode::Ok;
}

// Until a signal, or the end of the hub.
Outcome<ExitCode> run_log(const config::Config& config, const Options& options) {
    auto session = HubSession::connect(config);
    if (!session) return tl::unexpected(session.error());
    const auto begun = (*session)->follow_log();
    if (!begun) return tl::unexpected(begun.error());
    for (;;) {
        const auto event = (*session)->next_event(kEventPause);
        if (!event) return tl::unexpected(event.error());
        if (*event) tell(options.is_json ? event_json(**event).dump() + "\n" : event_text(**event));
    }
}

Outcome<ExitCode> run_fsm(const Options& options) {
    tell(options.is_json ? render(transitions_json()) : transitions_text(options.form));
    return ExitCode::Ok;
}

}  // namespace pgpool::ctl
