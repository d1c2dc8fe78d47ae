// SPDX-License-Identifier: PostgreSQL
#pragma once

// Small files that must not be lost or found half written. Blocks on the disk; threads: one at a time for one
// path.

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/error.h"

namespace pgpool {

// On disk when it returns nothing: written beside it as PATH.new, flushed, renamed, the folder flushed. It
// has that mode whatever the umask is.
[[nodiscard]] std::optional<Error> write_durably(const std::filesystem::path& path, std::string_view text,
                                                 mode_t mode = 0600);

// Nothing: there is no such file.
[[nodiscard]] Result<std::optional<std::string>> read_whole(const std::filesystem::path& path);

}  // namespace pgpool
