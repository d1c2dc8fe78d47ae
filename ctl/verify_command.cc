// SPDX-License-Identifier: PostgreSQL
// pgpool-ctl verify
#include <cstdio>

#include "ctl/commands.h"
#include "ctl/output.h"
#include "ctl/verify/verification.h"

namespace pgpool::ctl {

Outcome<ExitCode> run_verify(const config::Config& config, const Options& options) {
    const auto report = verify::Verification(config, options).run();
    if (!report) return tl::unexpected(report.error());
    for (const Unreachable& one : report->unreachable)
        std::fprintf(stderr, "pgpool-ctl: node %s is not compared: %s\n", one.node.c_str(),
                     one.reason.c_str());
    std::fputs((options.is_json ? render(to_json(*report)) : to_text(*report)).c_str(), stdout);
    if (!report->differences.empty()) return ExitCode::Differs;
    return report->unreachable.empty() ? ExitCode::Ok : ExitCode::Unreachable;
}

}  // namespace pgpool::ctl
