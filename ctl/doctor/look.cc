// SPDX-License-Identifier: PostgreSQL
#include "ctl/doctor/look.h"

#include <fmt/core.h>
#include <net/if.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <fstream>
#include <map>
#include <sstream>
#include <system_error>

#include "common/config/hook_programs.h"
#include "common/files/program.h"
#include "ctl/bus/hub_session.h"
#include "ctl/process.h"

namespace pgpool::ctl {

namespace {

constexpr milliseconds kToolTime{5000};

// "Key=value" lines.
std::map<std::string, std::string> properties_of(const std::string& output) {
    std::map<std::string, std::string> properties;
    std::istringstream lines(output);
    for (std::string line; std::getline(lines, line);) {
        const auto equals = line.find('=');
        if (equals != std::string::npos) properties[line.substr(0, equals)] = line.substr(equals + 1);
    }
    return properties;
}

template <typename Number>
Number number_of(const std::string& text, int base) {
    Number number{};
    std::from_chars(text.data(), text.data() + text.size(), number, base);
    return number;
}

std::string last_line(const std::string& text) {
    std::string last;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (!line.empty()) last = line;
    }
    return last;
}

FileFacts look_at_mode(const std::string& path) {
    FileFacts facts{.path = path, .text = std::nullopt, .error = "", .mode = 0};
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
        facts.error = std::generic_category().message(errno);
    } else {
        facts.mode = status.st_mode & 07777U;
    }
    return facts;
}

}  // namespace

std::optional<std::vector<UnitFacts>> look_at_units(const std::vector<std::string>& units) {
    std::vector<UnitFacts> found;
    for (const std::string& unit : units) {
        const auto ran = run_program(
            {"systemctl", "show", "-p", "LoadState,ActiveState,UnitFileState,MainPID", unit + ".service"},
            kToolTime);
        if (!ran || ran->code != 0) return std::nullopt;
        auto properties = properties_of(ran->output);
        found.push_back({unit, properties["LoadState"], properties["ActiveState"],
                         properties["UnitFileState"], number_of<int>(properties["MainPID"], 10)});
    }
    return found;
}

FileFacts look_at_file(const std::string& path) {
    FileFacts facts = look_at_mode(path);
    if (!facts.error.empty()) return facts;
    std::ifstream file(path);
    if (!file) {
        facts.error = std::generic_category().message(errno);
        return facts;
    }
    std::ostringstream text;
    text << file.rdbuf();
    facts.text = text.str();
    return facts;
}

CorosyncFacts look_at_corosync(const std::string& directory) {
    CorosyncFacts facts;
    facts.conf = look_at_file(directory + "/corosync.conf");
    facts.uidgid = look_at_file(directory + "/uidgid.d/pgpool");
    facts.key = look_at_mode(directory + "/authkey");
    const auto ran = run_program({"corosync-quorumtool", "-s"}, kToolTime);
    facts.is_installed = ran.has_value();
    if (!ran) return facts;
    // "Quorate:          Yes"
    const auto line = ran->output.find("\nQuorate:");
    facts.answers = line != std::string::npos;
    facts.is_quorate = facts.answers && ran->output.find("Yes", line) < ran->output.find('\n', line + 1);
    if (!facts.answers) facts.output = last_line(ran->output);
    return facts;
}

HubFacts look_at_hub(const config::Config& config) {
    auto status = ask_once(config, bus::request::Status{}, kToolTime);
    if (!status) return {std::nullopt, status.error().message, status.error().hint};
    return {*std::move(status), "", ""};
}

std::vector<InterfaceFacts> look_at_interfaces(const config::Vip& vip) {
    std::vector<InterfaceFacts> found;
    for (const config::VipAddress& address : vip.addresses)
        found.push_back(
            {address.interface, address.address, ::if_nametoindex(address.interface.c_str()) != 0});
    return found;
}

std::vector<HookFacts> look_at_hooks(const config::Hooks& hooks) {
    std::vector<HookFacts> found;
    for (const config::HookProgram& hook : config::hook_programs(hooks))
        found.push_back({hook.parameter, hook.program, why_not_startable(hook.program)});
    return found;
}

std::optional<Privileges> privileges_of(int pid) {
    std::ifstream file(fmt::format("/proc/{}/status", pid));
    Privileges privileges;
    for (std::string line; std::getline(file, line);) {
        // "Uid:	real	effective	saved	of files"
        if (line.starts_with("Uid:\t"))
            privileges.user = number_of<unsigned>(line.substr(line.find('\t', 5) + 1), 10);
        if (!line.starts_with("CapEff:\t")) continue;
        privileges.effective = number_of<std::uint64_t>(line.substr(8), 16);
        return privileges;
    }
    return std::nullopt;
}

}  // namespace pgpool::ctl
