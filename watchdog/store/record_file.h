// SPDX-License-Identifier: PostgreSQL
#pragma once

// What this member knows of the cluster, over restarts: the record that the group agreed on last, as far as
// this member was there (watchdog/group). A missing file is a member that was never in a group. Blocks on the
// disk; threads: one at a time.

#include <filesystem>
#include <optional>

#include "common/base/error.h"
#include "watchdog/group/stamp.h"

namespace pgpool::store {

// An Error says what to do: the member must not start, since it may have agreed to what is in the file. The
// text of the record is looked at by who reads it.
[[nodiscard]] Result<group::Record> load_record(const std::filesystem::path& path);

[[nodiscard]] std::optional<Error> save_record(const std::filesystem::path& path,
                                               const group::Record& record);

// What an unreadable record means and what to do about it.
[[nodiscard]] Error unreadable(const std::filesystem::path& path, std::string why);

}  // namespace pgpool::store
