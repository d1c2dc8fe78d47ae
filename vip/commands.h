// SPDX-License-Identifier: PostgreSQL
#pragma once

// The commands of pgpool-vip. An error is one of the kernel, or a privilege that is missing:
// ExitCode::Refused.

#include <vector>

#include "common/config/config.h"
#include "vip/options.h"
#include "vip/output.h"
#include "vip/packet/tickle.h"

namespace pgpool::vip {

struct Task {
    const Options& options;
    const config::Vip& timing;
    std::vector<VirtualAddress> addresses;
    std::vector<Connection> clients;  // hold: to be told

    [[nodiscard]] Form form() const { return options.is_json ? Form::JsonLines : Form::Text; }
};

[[nodiscard]] Result<ExitCode> run_hold(const Task& task);
[[nodiscard]] Result<ExitCode> run_probe(const Task& task);
[[nodiscard]] Result<ExitCode> run_list(const Task& task);
[[nodiscard]] Result<ExitCode> run_clean(const Task& task);
[[nodiscard]] Result<ExitCode> run_clients(const Task& task);

}  // namespace pgpool::vip
