// SPDX-License-Identifier: PostgreSQL
#pragma once

// Where the page of the lease is, for who writes it (pgpool-watchdog) and who reads it. Pure.

#include <filesystem>

namespace pgpool::page {

// `runtime_directory`: watchdog.runtime_directory of the configuration, on a file system in memory.
[[nodiscard]] inline std::filesystem::path page_path(const std::filesystem::path& runtime_directory) {
    return runtime_directory / "lease";
}

}  // namespace pgpool::page
