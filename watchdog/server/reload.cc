// SPDX-License-Identifier: PostgreSQL
// The configuration is read again, by this program and by those of this member that are on the bus.
#include <signal.h>
#include <systemd/sd-daemon.h>

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

}  // namespace

Result<Reloaded> Server::reload() {
    ::sd_notify(0, "RELOADING=1");
    const config::Reread reread = config::load_again(config_file_, *config_);
    for (const std::string& reason : reread.refused) log::error("reload_refused", {{"reason", reason}});
    Reloaded reloaded{.changed = {}, .needs_restart = {}, .programs = {"pgpool-watchdog"}, .not_asked = {}};
    if (reread.plan) {
        for (const config::Change& change : reread.plan->changes) take_note(reloaded, change);
        config_ = std::make_shared<const config::Config>(reread.plan->effective);
        decider_.set_rules(rules_of(*config_));
        exchange_.set_agreed(agreed_of(*config_));
        log::set_level(config_->log.level);
        log::info("reloaded");
    }
    ::sd_notify(0, "READY=1");
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
