// SPDX-License-Identifier: PostgreSQL
// pgpool-ctl setup
#include <fmt/core.h>
#include <grp.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>

#include "common/ipc/member_bus.h"
#include "ctl/commands.h"
#include "ctl/output.h"
#include "ctl/process.h"
#include "ctl/setup/corosync_conf.h"
#include "ctl/setup/files.h"
#include "ctl/setup/hosts.h"
#include "ctl/setup/stamp.h"
#include "ctl/setup/survival.h"

namespace pgpool::ctl {

namespace {

constexpr seconds kKeygenTime{30};

struct Plan {
    std::vector<SetupFile> files;
    std::string key;  // its path
    bool has_key = false;
    bool is_key_new = false;
    Survival survival;
};

Outcome<void> check_members(const config::Config& config) {
    if (config.watchdog.members.size() >= 2) return {};
    return failed(ExitCode::Usage, "watchdog.members is empty: one member alone needs no Corosync",
                  "name all members there, the same on each of them");
}

Outcome<Plan> plan_of(const config::Config& config, const Options& options) {
    if (auto checked = check_members(config); !checked) return tl::unexpected(checked.error());
    const std::pair<std::string, std::string> wanted[] = {
        {"/corosync.conf", corosync_conf(config.watchdog, options.directory)},
        {"/uidgid.d/pgpool", uidgid_file(config.watchdog)},
    };
    Plan plan;
    for (const auto& [name, text] : wanted) {
        auto file = look_at(options.directory + name, text, options.config);
        if (!file) return tl::unexpected(file.error());
        plan.files.push_back(*std::move(file));
    }
    plan.key = options.directory + "/authkey";
    struct stat status {};
    plan.has_key = ::stat(plan.key.c_str(), &status) == 0;
    plan.survival = survival_of(config, hosts_of(config));
    return plan;
}

// Not made: it may be a slip of the keyboard, and Corosync's package makes its own.
Outcome<void> check_directory(const std::string& directory) {
    struct stat status {};
    if (::stat(directory.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return {};
    return failed(ExitCode::Usage, fmt::format("there is no directory {}", directory),
                  "/etc/corosync comes with Corosync: apt install corosync");
}

// Corosync does not start with a group that it does not find.
Outcome<void> check_group(const std::string& group) {
    if (::getgrnam(group.c_str()) != nullptr) return {};
    return failed(ExitCode::Usage, fmt::format("there is no group \"{}\" (watchdog.group)", group),
                  "make it: systemd-sysusers");
}

Outcome<void> check_owners(const Plan& plan, const Options& options) {
    if (options.is_forced) return {};
    for (const SetupFile& file : plan.files) {
        const bool is_foreign = file.state == FileState::Foreign;
        if (!is_foreign && file.state != FileState::Changed) continue;
        return failed(
            ExitCode::Differs,
            fmt::format("{} {}: nothing was written", file.path,
                        is_foreign ? "was not written by pgpool-ctl setup" : "was changed by somebody"),
            "pgpool-ctl setup --check shows the differences; --force replaces it and keeps it as " +
                file.path + ".before");
    }
    return {};
}

Outcome<void> write_files(const Plan& plan) {
    for (const SetupFile& file : plan.files) {
        if (file.state == FileState::Equal) continue;
        if (auto written = write(file); !written) return written;
    }
    return {};
}

Outcome<void> make_key(Plan& plan) {
    const auto ran = run_program({"corosync-keygen", "-k", plan.key}, kKeygenTime);
    if (!ran) return failed(ExitCode::Usage, "there is no corosync-keygen", "apt install corosync");
    if (ran->code != 0) return failed(ExitCode::Usage, "corosync-keygen has failed: " + ran->output);
    plan.has_key = plan.is_key_new = true;
    return {};
}

std::string other_addresses(const config::Watchdog& watchdog) {
    std::string text;
    const std::string self = ipc::member_name(watchdog);
    for (const config::Member& member : watchdog.members) {
        if (member.name != self) text += (text.empty() ? "" : ", ") + member.address;
    }
    return text;
}

std::vector<std::string> next_steps(const Plan& plan, const config::Config& config) {
    std::vector<std::string> steps;
    const std::string others = other_addresses(config.watchdog);
    if (!plan.has_key) {
        steps.push_back(
            fmt::format("the key that members encrypt with is missing: pgpool-ctl setup --keygen on one "
                        "member only, then copy {} to the others",
                        plan.key));
    } else if (plan.is_key_new) {
        steps.push_back(
            fmt::format("copy the key to the other members ({}), the same path, mode 0400, owner root: "
                        "scp -p {} root@ADDRESS:{}",
                        others, plan.key, plan.key));
    }
    steps.emplace_back("pgpool-ctl setup on the other members, with the same configuration");
    steps.emplace_back("systemctl enable corosync; systemctl restart corosync");
    const bool has_addresses = !config.vip.addresses.empty();
    steps.push_back(
        fmt::format("systemctl enable --now pgpool-watchdog {}pgpool-proxy; then pgpool-ctl doctor",
                    has_addresses ? "pgpool-vip " : ""));
    if (!has_addresses)
        steps.emplace_back("vip.addresses is empty: clients get no virtual address (docs/vip.md)");
    return steps;
}

void warn(const Survival& survival) {
    for (const std::string& warning : survival.warnings)
        std::fprintf(stderr, "pgpool-ctl: warning: %s\n", warning.c_str());
}

Json json_of(const Plan& plan, const std::vector<std::string>& next) {
    Json files = Json::array();
    for (const SetupFile& file : plan.files)
        files.push_back(
            {{"path", file.path}, {"state", to_string(file.state)}, {"differences", file.differences}});
    return {{"files", files},
            {"key", {{"path", plan.key}, {"exists", plan.has_key}}},
            {"survives", survival_json(plan.survival)},
            {"warnings", plan.survival.warnings},
            {"next", next}};
}

void tell_next(const std::vector<std::string>& next) {
    std::puts("\nNext:");
    for (const std::string& step : next) std::printf("  * %s\n", step.c_str());
}

Outcome<ExitCode> check(const Plan& plan, const Options& options) {
    warn(plan.survival);
    const bool is_equal =
        plan.has_key && std::all_of(plan.files.begin(), plan.files.end(),
                                    [](const SetupFile& file) { return file.state == FileState::Equal; });
    const ExitCode verdict = is_equal ? ExitCode::Ok : ExitCode::Differs;
    if (options.is_json) {
        std::fputs(render(json_of(plan, {})).c_str(), stdout);
        return verdict;
    }
    for (const SetupFile& file : plan.files) {
        std::printf("%s: %s\n", file.path.c_str(), to_string(file.state));
        for (const std::string& difference : file.differences) std::printf("    %s\n", difference.c_str());
    }
    std::printf("%s: %s\n\n%s", plan.key.c_str(), plan.has_key ? "there" : "missing",
                survival_text(plan.survival).c_str());
    return verdict;
}

Outcome<ExitCode> print(const Plan& plan, const Options& options) {
    warn(plan.survival);
    if (options.is_json) {
        Json files = Json::array();
        for (const SetupFile& file : plan.files) files.push_back({{"path", file.path}, {"text", file.text}});
        std::fputs(render(Json{{"files", files}, {"survives", survival_json(plan.survival)}}).c_str(),
                   stdout);
        return ExitCode::Ok;
    }
    for (const SetupFile& file : plan.files)
        std::printf("---- %s\n%s\n", file.path.c_str(), file.text.c_str());
    std::fputs(survival_text(plan.survival).c_str(), stdout);
    return ExitCode::Ok;
}

void tell_written(const Plan& plan, const config::Config& config, const Options& options) {
    warn(plan.survival);
    const std::vector<std::string> next = next_steps(plan, config);
    if (options.is_json) {
        std::fputs(render(json_of(plan, next)).c_str(), stdout);
        return;
    }
    for (const SetupFile& file : plan.files)
        std::printf("%s: %s\n", file.path.c_str(),
                    file.state == FileState::Equal ? "was so already" : "written");
    if (plan.is_key_new) std::printf("%s: made\n", plan.key.c_str());
    std::printf("\n%s", survival_text(plan.survival).c_str());
    tell_next(next);
}

}  // namespace

Outcome<ExitCode> run_setup(const config::Config& config, const Options& options) {
    auto plan = plan_of(config, options);
    if (!plan) return tl::unexpected(plan.error());
    if (options.print_only) return print(*plan, options);
    if (options.only_checks) return check(*plan, options);
    if (auto checked = check_directory(options.directory); !checked) return tl::unexpected(checked.error());
    if (auto checked = check_group(config.watchdog.group); !checked) return tl::unexpected(checked.error());
    if (auto checked = check_owners(*plan, options); !checked) return tl::unexpected(checked.error());
    if (auto written = write_files(*plan); !written) return tl::unexpected(written.error());
    if (options.makes_key && !plan->has_key) {
        if (auto made = make_key(*plan); !made) return tl::unexpected(made.error());
    }
    tell_written(*plan, config, options);
    return ExitCode::Ok;
}

}  // namespace pgpool::ctl
