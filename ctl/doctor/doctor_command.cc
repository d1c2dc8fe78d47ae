// SPDX-License-Identifier: PostgreSQL
// pgpool-ctl doctor
#include <fmt/core.h>
#include <grp.h>

#include <cstdio>

#include "common/ipc/member_bus.h"
#include "common/page/lease_page_reader.h"
#include "common/page/page_path.h"
#include "ctl/cluster/fields.h"
#include "ctl/commands.h"
#include "ctl/doctor/judge.h"
#include "ctl/doctor/look.h"
#include "ctl/node_access.h"
#include "ctl/process.h"
#include "ctl/setup/hosts.h"

namespace pgpool::ctl {

namespace {

constexpr seconds kVersionTime{5};

class Examination {
public:
    Examination(const config::Config& config, const Options& options) : config_(config), options_(options) {
        const config::Watchdog& watchdog = config.watchdog;
        if (!watchdog.witness.empty() && watchdog.witness == ipc::member_name(watchdog)) return;
        programs_.emplace_back("pgpool-proxy");
        if (watchdog.enabled && !config.vip.addresses.empty()) programs_.emplace_back("pgpool-vip");
    }

    Findings run() {
        found_.push_back(judge_configuration(look_at_file(options_.config)));
        look_at_services();
        look_at_versions();
        if (config_.watchdog.enabled) look_at_watchdog();
        if (config_.watchdog.enabled && is_one_of_several()) look_at_members();
        if (config_.watchdog.enabled && !config_.vip.addresses.empty()) look_at_vip();
        look_at_nodes();
        return std::move(found_);
    }

private:
    void add(const Findings& more) { found_.insert(found_.end(), more.begin(), more.end()); }
    [[nodiscard]] bool is_one_of_several() const { return config_.watchdog.members.size() > 1; }

    [[nodiscard]] std::vector<std::string> daemons() const {
        std::vector<std::string> names = programs_;
        if (config_.watchdog.enabled) names.emplace_back("pgpool-watchdog");
        return names;
    }

    void look_at_services() {
        std::vector<std::string> names = daemons();
        if (config_.watchdog.enabled && is_one_of_several()) names.emplace_back("corosync");
        const auto units = look_at_units(names);
        if (!units) {
            found_.push_back({Level::Warn, "unit", "systemctl does not answer: which units run is not known",
                              "without systemd the programs are started and looked after by other means"});
            return;
        }
        for (const UnitFacts& unit : *units) {
            found_.push_back(judge_unit(unit));
            const auto privileges =
                unit.pid == 0 || unit.unit == "corosync" ? std::nullopt : privileges_of(unit.pid);
            if (privileges) found_.push_back(judge_privileges(unit.unit, *privileges));
        }
    }

    // Programs of neighbouring versions talk to each other, for as long as an upgrade takes.
    void look_at_versions() {
        for (const std::string& name : daemons()) {
            const auto ran = run_program({name, "--version"}, kVersionTime);
            if (!ran) {
                found_.push_back(
                    {Level::Warn, "version", name + " is not in PATH", "install it, or add /usr/sbin"});
            } else if (ran->output.find(PGPOOL_VERSION) == std::string::npos) {
                found_.push_back(
                    {Level::Warn, "version",
                     fmt::format("{} is not of version " PGPOOL_VERSION ", as pgpool-ctl is", name),
                     "install all programs of one version, and restart them"});
            } else {
                found_.push_back(well("version", name + " " PGPOOL_VERSION));
            }
        }
    }

    void look_at_watchdog() {
        const std::string& group = config_.watchdog.group;
        if (::getgrnam(group.c_str()) == nullptr) {
            found_.push_back({Level::Fail, "group",
                              fmt::format("there is no group \"{}\" (watchdog.group)", group),
                              "systemd-sysusers"});
            return;
        }
        found_.push_back(well("group", group));
        const HubFacts hub = look_at_hub(config_);
        add(judge_hub(hub, programs_));
        if (hub.status && text_of(*hub.status, "primary") != "-") primary_ = text_of(*hub.status, "primary");
        add(judge_hooks(look_at_hooks(config_.hooks)));
        page::LeasePageReader page(page::page_path(config_.watchdog.runtime_directory));
        if (const auto error = page.refresh()) {
            found_.push_back({Level::Fail, "lease", error->message,
                              "pgpool-watchdog makes it: systemctl status pgpool-watchdog"});
        } else {
            found_.push_back(well("lease", "its page can be read"));
        }
    }

    void look_at_members() {
        found_.push_back(judge_name(ipc::member_name(config_.watchdog), config_.watchdog));
        add(judge_corosync(look_at_corosync(options_.directory), config_.watchdog));
        add(judge_survival(survival_of(config_, hosts_of(config_))));
    }

    void look_at_vip() { add(judge_vip(look_at_interfaces(config_.vip))); }

    void look_at_nodes() {
        const auto look = [&](const config::Node& node) { return look_at_node(config_, node); };
        add(judge_nodes(at_the_same_time(config_.nodes, look), config_, primary_));
    }

    const config::Config& config_;
    const Options& options_;
    std::vector<std::string> programs_;  // that should be on the bus
    std::string primary_;                // as the watchdog says
    Findings found_;
};

}  // namespace

Outcome<ExitCode> run_doctor(const config::Config& config, const Options& options) {
    const Findings found = Examination(config, options).run();
    std::fputs((options.is_json ? render(findings_json(found)) : findings_text(found)).c_str(), stdout);
    return has_failure(found) ? ExitCode::Differs : ExitCode::Ok;
}

}  // namespace pgpool::ctl
