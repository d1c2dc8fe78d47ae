// SPDX-License-Identifier: PostgreSQL
#pragma once

// Config as text: a YAML file, rows of SHOW POOL_STATUS. Made from the table; see document.h for help and
// samples.

#include <string>
#include <vector>

#include "common/config/config.h"
#include "common/config/parameters.h"

namespace pgpool::config {

enum class Secrets : std::uint8_t { Masked, Clear };

// The whole file. With secrets in clear, parsing it gives an equal Config.
[[nodiscard]] std::string to_yaml(const Config& config, Secrets secrets);

struct Row {
    std::string name;  // "pool.size", "nodes[0].host"
    std::string value;
    std::string description;
};
// Every parameter in the order of the file, secrets masked.
[[nodiscard]] std::vector<Row> rows_of(const Config& config);

// In one line, without the fields that have their default: `{name: n1, host: 10.0.0.1}`, `[{…}, {…}]`.
[[nodiscard]] std::string write_element(const List& list, ConstOwner element, Spelling spelling);
[[nodiscard]] std::string write_list(const List& list, const Config& config, Spelling spelling);

// As lines of a file, each element over several lines, all indented.
[[nodiscard]] std::string write_list_block(const List& list, const Config& config, Spelling spelling,
                                           std::string_view indentation);

}  // namespace pgpool::config
