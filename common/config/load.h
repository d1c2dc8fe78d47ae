// SPDX-License-Identifier: PostgreSQL
#pragma once

// Reads a configuration file from disk; everything else of this folder is pure.

#include <optional>
#include <string>
#include <vector>

#include "common/config/diff.h"
#include "common/config/parser.h"

namespace pgpool::config {

// A file that cannot be read is an error of the outcome, without place.
[[nodiscard]] ParseOutcome load_file(const std::string& path);

// For a reload: what is to come into force, or why nothing is, in words.
struct Reread {
    std::optional<ReloadPlan> plan;  // without conflicts
    std::vector<std::string> refused;
};
[[nodiscard]] Reread load_again(const std::string& path, const Config& running);

}  // namespace pgpool::config
