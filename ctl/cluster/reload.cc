// SPDX-License-Identifier: PostgreSQL
// pgpool-ctl reload
#include <cstdio>

#include "ctl/bus/hub_session.h"
#include "ctl/cluster/fields.h"
#include "ctl/commands.h"

namespace pgpool::ctl {

namespace {

constexpr milliseconds kReloadTime{10'000};

void print_list(const char* title, const Json& lines) {
    for (const Json& line : lines) std::printf("%-14s %s\n", title, line.get<std::string>().c_str());
}

}  // namespace

Outcome<ExitCode> run_reload(const config::Config& config, const Options& options) {
    const auto answer = ask_once(config, bus::request::Reload{}, kReloadTime);
    if (!answer) return tl::unexpected(answer.error());
    if (options.is_json) {
        std::fputs(render(*answer).c_str(), stdout);
    } else {
        print_list("reloads", list_of(*answer, "programs"));
        print_list("not asked", list_of(*answer, "not_asked"));
        print_list("changed", list_of(*answer, "changed"));
        print_list("needs restart", list_of(*answer, "needs_restart"));
    }
    return list_of(*answer, "not_asked").empty() ? ExitCode::Ok : ExitCode::Differs;
}

}  // namespace pgpool::ctl
