// SPDX-License-Identifier: PostgreSQL
#include "ctl/doctor/judge.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "ctl/cluster/fields.h"
#include "ctl/setup/corosync_conf.h"

namespace pgpool::ctl {

namespace {

constexpr unsigned kOfOthers = 07;
constexpr unsigned kOfGroupAndOthers = 077;

// linux/capability.h
constexpr std::uint64_t kNetAdmin = std::uint64_t{1} << 12U;
constexpr std::uint64_t kNetRaw = std::uint64_t{1} << 13U;
constexpr std::uint64_t kSysNice = std::uint64_t{1} << 23U;  // real-time priority, where no limit allows it

Finding judge_conf(const CorosyncFacts& corosync, const config::Watchdog& watchdog) {
    const FileFacts& conf = corosync.conf;
    if (!conf.text)
        return {Level::Fail, "corosync.conf", fmt::format("{}: {}", conf.path, conf.error),
                "pgpool-ctl setup"};
    const Disagreements found = disagreements(watchdog, *conf.text);
    const std::string remedy = "pgpool-ctl setup --check shows all differences, setup writes it anew";
    if (!found.members.empty())
        return {Level::Fail, "corosync.conf", fmt::format("{}", fmt::join(found.members, "; ")), remedy};
    if (!found.settings.empty())
        return {Level::Warn, "corosync.conf", fmt::format("{}", fmt::join(found.settings, "; ")), remedy};
    return well("corosync.conf", "has the members of watchdog.members");
}

Finding judge_uidgid(const FileFacts& file, const config::Watchdog& watchdog) {
    const bool lets_in = file.text && differences(uidgid_file(watchdog), *file.text).empty();
    if (lets_in) return well("corosync", "lets group " + watchdog.group + " in");
    return {Level::Warn, "corosync",
            fmt::format("{} does not let group {} in; another file there may", file.path, watchdog.group),
            "pgpool-ctl setup"};
}

Finding judge_key(const FileFacts& key) {
    if (!key.error.empty())
        return {Level::Fail, "key", fmt::format("{}: {}", key.path, key.error),
                "copy it from another member, or pgpool-ctl setup --keygen on one member only"};
    if ((key.mode & kOfGroupAndOthers) != 0)
        return {Level::Warn, "key", key.path + " can be read by others than root", "chmod 400 " + key.path};
    return well("key", key.path);
}

Finding judge_membership(const CorosyncFacts& corosync) {
    if (!corosync.is_installed) return {Level::Fail, "corosync", "is not installed", "apt install corosync"};
    if (!corosync.answers)
        return {Level::Fail, "corosync", "does not answer: " + corosync.output,
                "systemctl status corosync; journalctl -u corosync"};
    if (!corosync.is_quorate)
        return {Level::Warn, "corosync", "runs, and is not quorate: too few members are heard",
                "is it running on the others? are addresses and key the same there? corosync-cfgtool -s"};
    return well("corosync", "runs and is quorate");
}

Finding judge_programs(const Json& status, const std::vector<std::string>& programs) {
    const Json& list = list_of(status, "programs");
    std::vector<std::string> missing;
    for (const std::string& program : programs) {
        const auto is_it = [&](const Json& one) { return text_of(one, "program") == program; };
        if (std::none_of(list.begin(), list.end(), is_it)) missing.push_back(program);
    }
    if (missing.empty()) return well("bus", fmt::format("on it: {}", fmt::join(programs, ", ")));
    return {Level::Fail, "bus", fmt::format("not on it: {}", fmt::join(missing, ", ")),
            fmt::format("systemctl status {}", fmt::join(missing, " "))};
}

Finding judge_members(const Json& status) {
    std::vector<std::string> refused;
    std::vector<std::string> silent;
    std::vector<std::string> protocols;
    for (const Json& member : list_of(status, "members")) {
        const std::string protocol = text_of(member, "protocol");
        if (const std::string reason = text_of(member, "refused"); reason != "-")
            refused.push_back(fmt::format("{}: {}", text_of(member, "name"), reason));
        if (!is_true(member, "is_in")) {
            silent.push_back(text_of(member, "name"));
        } else if (std::find(protocols.begin(), protocols.end(), protocol) == protocols.end()) {
            protocols.push_back(protocol);
        }
    }
    if (!refused.empty())
        return {Level::Fail, "members", fmt::format("refused: {}", fmt::join(refused, "; ")),
                "make the configuration the same there and here, then restart pgpool-watchdog there"};
    if (!silent.empty())
        return {Level::Warn, "members", fmt::format("not heard: {}", fmt::join(silent, ", ")),
                "pgpool-ctl doctor there"};
    if (protocols.size() > 1)
        return {Level::Warn, "members", fmt::format("have protocols {}", fmt::join(protocols, ", ")),
                "bring all members to one version"};
    return well("members", "all are heard");
}

Finding judge_phase(const Json& status) {
    const std::string phase = text_of(status, "phase");
    const std::string text = fmt::format("answers as member {}, {}", text_of(status, "member"), phase);
    const std::string why = fmt::format("{}: {}", text, text_of(status, "reason"));
    if (phase == "blocked")
        return {
            Level::Fail, "watchdog", why,
            "bring back the primary, or a node that has what was acknowledged; or pgpool-ctl promote NODE "
            "--force: what NODE lacks is lost"};
    if (phase == "condemned")
        return {Level::Fail, "watchdog", fmt::format("{}; waits for {}", why, text_of(status, "waiting_for")),
                "pgpool-ctl promote does not wait for it"};
    if (phase == "suspected") return {Level::Warn, "watchdog", why, "pgpool-ctl status tells who sees it"};
    return well("watchdog", text);
}

// Nodes that are no part of the cluster now.
void judge_standings(const Json& status, Findings& found) {
    for (const Json& node : list_of(status, "nodes")) {
        const std::string name = text_of(node, "name");
        const std::string text =
            fmt::format("{} is {}: {}", name, text_of(node, "standing"), text_of(node, "reason"));
        if (text_of(node, "standing") == "quarantined")
            found.push_back(
                {Level::Warn, "standing", text,
                 fmt::format("make it a standby of {}: docs/ctl.md, \"How a former primary comes back\"",
                             text_of(status, "primary"))});
        if (text_of(node, "standing") == "detached")
            found.push_back(
                {Level::Warn, "standing", text, "pgpool-ctl attach " + name + " takes it in again"});
    }
}

}  // namespace

Finding judge_unit(const UnitFacts& unit) {
    if (unit.load == "masked")
        return {Level::Fail, "unit", unit.unit + " is masked", "systemctl unmask " + unit.unit};
    if (unit.load != "loaded")
        return {Level::Fail, "unit", unit.unit + " is not installed",
                "install it; then systemctl daemon-reload; systemctl enable --now " + unit.unit};
    if (unit.active != "active")
        return {Level::Fail, "unit", fmt::format("{} is {}", unit.unit, unit.active),
                fmt::format("systemctl enable --now {0}; journalctl -u {0} says why not", unit.unit)};
    if (unit.enabled == "disabled")
        return {Level::Warn, "unit", unit.unit + " runs, but not after the next boot",
                "systemctl enable " + unit.unit};
    return well("unit", unit.unit + " runs");
}

Finding judge_name(const std::string& name, const config::Watchdog& watchdog) {
    for (const config::Member& member : watchdog.members) {
        if (member.name == name) return well("member", fmt::format("{} at {}", name, member.address));
    }
    return {Level::Fail, "member", fmt::format("\"{}\" is none of watchdog.members", name),
            "set watchdog.name, which otherwise is the name of the host"};
}

Finding judge_configuration(const FileFacts& file) {
    if ((file.mode & kOfOthers) != 0)
        return {Level::Warn, "configuration", file.path + " holds passwords, and everybody can read it",
                "chmod o= " + file.path};
    return well("configuration", file.path);
}

Findings judge_corosync(const CorosyncFacts& corosync, const config::Watchdog& watchdog) {
    return {judge_membership(corosync), judge_conf(corosync, watchdog),
            judge_uidgid(corosync.uidgid, watchdog), judge_key(corosync.key)};
}

Findings judge_hub(const HubFacts& hub, const std::vector<std::string>& programs) {
    if (!hub.status) return {{Level::Fail, "watchdog", hub.error, hub.hint}};
    Findings found{judge_phase(*hub.status)};
    judge_standings(*hub.status, found);
    if (!programs.empty()) found.push_back(judge_programs(*hub.status, programs));
    found.push_back(judge_members(*hub.status));
    return found;
}

Findings judge_survival(const Survival& survival) {
    const std::string remedy = "pgpool-ctl setup --check shows what is survived";
    std::vector<std::string> fatal;
    for (const Loss& loss : survival.losses) {
        if (loss.hosts <= 1 && !loss.is_survived) fatal.push_back(loss.what);
    }
    Findings found;
    for (const std::string& warning : survival.warnings)
        found.push_back({Level::Warn, "votes", warning, remedy});
    if (fatal.empty()) {
        found.push_back(well("votes", fmt::format("{} of {} are needed; the loss of any one host is survived",
                                                  survival.quorum, survival.total)));
    } else {
        found.push_back({Level::Warn, "votes",
                         fmt::format("not survived: the loss of {}", fmt::join(fatal, ", or of ")), remedy});
    }
    return found;
}

Findings judge_vip(const std::vector<InterfaceFacts>& interfaces) {
    Findings found;
    for (const InterfaceFacts& one : interfaces) {
        if (one.is_there) {
            found.push_back(well("vip", fmt::format("{} on {}", one.address, one.interface)));
        } else {
            found.push_back({Level::Fail, "vip",
                             fmt::format("{}: there is no interface {}", one.address, one.interface),
                             "ip link lists them; vip.addresses names one"});
        }
    }
    return found;
}

Findings judge_hooks(const std::vector<HookFacts>& hooks) {
    Findings found;
    for (const HookFacts& hook : hooks) {
        if (hook.error.empty()) {
            found.push_back(well("hooks", fmt::format("{}: {}", hook.parameter, hook.program)));
        } else {
            found.push_back({Level::Fail, "hooks",
                             fmt::format("{}: {}: {}", hook.parameter, hook.program, hook.error),
                             "install it, with the permission to be executed, or name another program"});
        }
    }
    return found;
}

Finding judge_privileges(const std::string& program, const Privileges& privileges) {
    const std::uint64_t needed = program == "pgpool-vip" ? kNetAdmin | kNetRaw : 0;
    const std::uint64_t allowed = program == "pgpool-watchdog" ? kSysNice : needed;
    const std::string remedy = "use the unit that comes with it: systemctl cat " + program;
    if ((privileges.effective & needed) != needed)
        return {Level::Fail, "privileges", program + " runs without CAP_NET_ADMIN and CAP_NET_RAW", remedy};
    if (privileges.user == 0) return {Level::Warn, "privileges", program + " runs as root", remedy};
    if ((privileges.effective & ~allowed) != 0)
        return {Level::Warn, "privileges",
                fmt::format("{} has capabilities that it does not need: {:#x}", program,
                            privileges.effective & ~allowed),
                remedy};
    return well("privileges", program + " has what it needs and no more");
}

}  // namespace pgpool::ctl
