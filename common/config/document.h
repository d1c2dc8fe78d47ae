// SPDX-License-Identifier: PostgreSQL
#pragma once

// The table for people: help on the terminal, the annotated sample file, the reference manual. A unit test
// holds deploy/appliance.yaml.sample and docs/configuration.md to these texts.

#include <string>

namespace pgpool::config {

[[nodiscard]] std::string help_text();         // --help-config
[[nodiscard]] std::string sample_file();       // parses without errors; defaults are commented out
[[nodiscard]] std::string reference_manual();  // Markdown

}  // namespace pgpool::config
