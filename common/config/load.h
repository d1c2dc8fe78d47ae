// SPDX-License-Identifier: PostgreSQL
#pragma once

// Reads a configuration file from disk; everything else of this folder is pure.

#include <string>

#include "common/config/parser.h"

namespace pgpool::config {

// A file that cannot be read is an error of the outcome, without place.
[[nodiscard]] ParseOutcome load_file(const std::string& path);

}  // namespace pgpool::config
