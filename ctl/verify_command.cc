// SPDX-License-Identifier: PostgreSQL
// pgpool-ctl verify
#include <cstdio>
#include <string>
#include <vector>

#include "ctl/commands.h"
#include "ctl/console.h"
#include "ctl/node_states.h"
#include "ctl/output.h"
#include "ctl/verify/verification.h"

namespace pgpool::ctl {

namespace {

// Such a node differs, and should. If the proxy does not run or lets nobody in, nobody is known to be out.
std::vector<std::string> who_is_out(const config::Config& config, const Options& options) {
    std::vector<std::string> sentences;
    if (config.mode != config::ClusterMode::Replication) return sentences;
    auto console = Console::connect(config, options);
    if (!console) return sentences;
    const auto rows = console->run("SHOW POOL_NODES");
    if (!rows) return sentences;
    for (const NodeState& node : node_states(config, *rows)) {
        if (node.is_taken_out() && !node.name.empty()) sentences.push_back(node.name + " is " + node.reason);
    }
    return sentences;
}

}  // namespace

Outcome<ExitCode> run_verify(const config::Config& config, const Options& options) {
    const std::vector<std::string> out = who_is_out(config, options);
    for (const std::string& sentence : out) std::fprintf(stderr, "pgpool-ctl: %s\n", sentence.c_str());
    auto report = verify::Verification(config, options).run();
    if (report && options.is_json) report->notes.insert(report->notes.begin(), out.begin(), out.end());
    if (!report) return tl::unexpected(report.error());
    for (const Unreachable& one : report->unreachable)
        std::fprintf(stderr, "pgpool-ctl: node %s is not compared: %s\n", one.node.c_str(),
                     one.reason.c_str());
    std::fputs((options.is_json ? render(to_json(*report)) : to_text(*report)).c_str(), stdout);
    if (!report->differences.empty()) return ExitCode::Differs;
    return report->unreachable.empty() ? ExitCode::Ok : ExitCode::Unreachable;
}

}  // namespace pgpool::ctl
