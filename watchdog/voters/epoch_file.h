// SPDX-License-Identifier: PostgreSQL
#pragma once

// What a member must not forget: the highest epoch that its vote has recorded, and how often it was started
// (sessions of one run are told from those of an earlier one by it).
//
// A missing file is a member that has never voted. One that cannot be read is an Error, and its vote must
// not be given: it may have promised what is in it. Blocks on the disk; threads: one at a time.

#include <filesystem>
#include <optional>

#include "common/base/error.h"
#include "common/base/ids.h"

namespace pgpool::voters {

struct Remembered {
    Epoch epoch{};
    std::uint64_t runs = 0;
    friend bool operator==(const Remembered&, const Remembered&) = default;
};

[[nodiscard]] Result<Remembered> load(const std::filesystem::path& path);

// On disk when it returns nothing: written beside it, flushed, renamed, the folder flushed.
[[nodiscard]] std::optional<Error> save(const std::filesystem::path& path, const Remembered& remembered);

}  // namespace pgpool::voters
