// SPDX-License-Identifier: PostgreSQL
#include "common/config/load.h"

#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>

namespace pgpool::config {

ParseOutcome load_file(const std::string& path) {
    // One byte more than allowed shows that a file is too large without reading all of it.
    std::string text(kMaxFileBytes + 1, '\0');
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    if (file) file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!file.is_open() || file.bad()) {
        const std::string reason = std::generic_category().message(errno == 0 ? EIO : errno);
        return {std::nullopt, {{path, {}, "", "cannot be read: " + reason}}};
    }
    text.resize(static_cast<std::size_t>(file.gcount()));
    return parse(text, path);
}

Reread load_again(const std::string& path, const Config& running) {
    const ParseOutcome loaded = load_file(path);
    Reread reread;
    for (const ConfigError& error : loaded.errors) reread.refused.push_back(to_string(error));
    if (!loaded.config) return reread;
    ReloadPlan plan = reload_plan(running, *loaded.config);
    for (const Finding& conflict : plan.conflicts)
        reread.refused.push_back(conflict.parameter + ": " + conflict.message);
    if (reread.refused.empty()) reread.plan = std::move(plan);
    return reread;
}

}  // namespace pgpool::config
