// SPDX-License-Identifier: PostgreSQL
#pragma once

// appliance.yaml -> Config. All errors are found, not only the first, each with its place and what is
// allowed.
//
// Never throws but bad_alloc, whatever the text. After a syntax error of YAML nothing more is read; findings
// between parameters (validate.h) are left out where a part they depend on was not understood.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/config.h"
#include "common/config/yaml_tree.h"

namespace pgpool::config {

struct ConfigError {
    std::string file;
    Place place;            // line 0: the file as a whole
    std::string parameter;  // empty: none
    std::string message;
    friend bool operator==(const ConfigError&, const ConfigError&) = default;
};

// `appliance.yaml:3:5: pool.sizee: unknown parameter; did you mean "pool.size"?`
[[nodiscard]] std::string to_string(const ConfigError& error);

// Either a config and no errors, or errors in the order of the file, at most 100, and no config.
struct ParseOutcome {
    std::optional<Config> config;
    std::vector<ConfigError> errors;
};

// `file` is only a name for messages.
[[nodiscard]] ParseOutcome parse(std::string_view text, std::string_view file);

}  // namespace pgpool::config
