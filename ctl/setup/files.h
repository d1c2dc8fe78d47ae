// SPDX-License-Identifier: PostgreSQL
#pragma once

// The files that setup writes: what is there, and how it is replaced.

#include <string>
#include <vector>

#include "ctl/outcome.h"

namespace pgpool::ctl {

enum class FileState : std::uint8_t {
    Missing,
    Equal,     // says the same, whoever wrote it
    Outdated,  // written by setup, from another configuration
    Changed,   // written by setup, changed by somebody since
    Foreign,
};
[[nodiscard]] const char* to_string(FileState state);

struct SetupFile {
    std::string path;
    std::string text;  // wanted, with its stamp
    FileState state = FileState::Missing;
    std::vector<std::string> differences;  // none where it is missing
};

// `text` is without stamp; `made_from` is told in it. An error: the file is there and cannot be read.
[[nodiscard]] Outcome<SetupFile> look_at(std::string path, const std::string& text,
                                         const std::string& made_from);

// Whole or not at all; what was there and was not ours stays beside it as PATH.before.
[[nodiscard]] Outcome<void> write(const SetupFile& file);

}  // namespace pgpool::ctl
