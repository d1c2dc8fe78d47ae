// SPDX-License-Identifier: PostgreSQL
// The configuration is read again, by this program and by those of this member that are on the bus.
#include <signal.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "common/config/load.h"
#include "common/obs/log.h"
#include "common/obs/log_change.h"
#include "watchdog/server/server.h"

namespace pgpool::watchdog {

namespace {

void take_note(Reloaded& reloaded, const config::Change& change) {
    log::change(change);
    auto& list = change.reload == config::Reload::Restart ? reloaded.needs_restart : reloaded.changed;
    list.push_back(config::to_string(change));
}

Error errors_of(const std::vector<std::string>& reasons) {
    std::string all;
    for (const std::string& reason : reasons) all += (all.empty() ? "" : "; ") + reason;
    return {"nothing was changed: " + all, sqlstate::kConfigFileError,
            "mend the file; pgpool-watchdog --check tells whether it has errors"};
}

// The name of the first parameter that differs; empty: none does.
std::string differing(const std::vector<group::Agreed>& ours, const std::vector<group::Agreed>& next) {
    const auto [one, other] = std::ranges::mismatch(ours, next);
    return one != ours.end() ? one->name : std::string();
}

}  // namespace

// Who changes what must agree is refused until the others have changed it, too. That must not end the lease.
Result<void> Server::may_change(const config::Config& next) const {
    const std::string name = differing(agreed_of(*config_), agreed_of(next));
    if (name.empty() || !holds_lease() || exchange_.members().size() < 2) return {};
    return tl::unexpected(Error{
        "nothing was changed: " + name + " must be the same on all members, and this one holds the lease",
        sqlstate::kCannotConnectNow, "reload the others first"});
}

Result<Reloaded> Server::reload() {
    ::sd_notify(0, "RELOADING=1");
    const config::Reread reread = config::load_again(config_file_, *config_);
    for (const std::string& reason : reread.refused) log::error("reload_refused", {{"reason", reason}});
    const Result<void> permitted = reread.plan ? may_change(reread.plan->effective) : Result<void>();
    if (!permitted) log::error("reload_refused", {{"reason", permitted.error().message}});
    Reloaded reloaded{.changed = {}, .needs_restart = {}, .programs = {"pgpool-watchdog"}, .not_asked = {}};
    if (reread.plan && permitted) {
        for (const config::Change& change : reread.plan->changes) take_note(reloaded, change);
        config_ = std::make_shared<const config::Config>(reread.plan->effective);
        decider_.set_rules(rules_of(*config_));
        perform(exchange_.set_agreed(agreed_of(*config_)));
        log::set_level(config_->log.level);
        log::info("reloaded");
    }
    ::sd_notify(0, "READY=1");
    if (!permitted) return tl::unexpected(permitted.error());
    if (!reread.plan) return tl::unexpected(errors_of(reread.refused));
    return reloaded;
}

// The others are told once the file was found to be right. Each logs what it makes of it.
Result<Reloaded> Server::reload_all() {
    auto reloaded = reload();
    if (!reloaded || !programs_) return reloaded;
    for (const Program* program : programs_->all()) {
        const std::string& name = program->info.hello.program;
        if (name != kProxy && name != kVip) continue;
        if (::kill(program->info.credentials.pid, SIGHUP) == 0)
            reloaded->programs.push_back(name);
        else
            reloaded->not_asked.push_back(name + ": " + std::generic_category().message(errno));
    }
    return reloaded;
}

}  // namespace pgpool::watchdog
