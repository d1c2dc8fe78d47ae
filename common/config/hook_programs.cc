// SPDX-License-Identifier: PostgreSQL
#include "common/config/hook_programs.h"

namespace pgpool::config {

std::vector<HookProgram> hook_programs(const Hooks& hooks) {
    std::vector<HookProgram> programs;
    const auto add = [&](const char* parameter, const std::vector<std::string>& words) {
        if (!words.empty()) programs.push_back({parameter, words.front()});
    };
    add("hooks.failover", hooks.failover);
    add("hooks.failback", hooks.failback);
    add("hooks.notify", hooks.notify);
    return programs;
}

}  // namespace pgpool::config
