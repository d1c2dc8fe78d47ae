// SPDX-License-Identifier: PostgreSQL
#pragma once

// The file that keeps the membership over restarts: <replication.state_directory>/membership. Blocks.

#include <optional>
#include <string>
#include <utility>

#include "common/base/error.h"
#include "common/base/unique_fd.h"
#include "common/cluster/membership.h"

namespace pgpool::keeper {

class StateFile {
public:
    explicit StateFile(std::string directory) : directory_(std::move(directory)) {}

    // Keeps other processes out for as long as this lives: two would decide against each other.
    [[nodiscard]] Result<void> take();
    // Nothing: there is no such file.
    [[nodiscard]] Result<std::optional<cluster::Membership>> load() const;
    [[nodiscard]] Result<void> check_writable() const;
    // The whole file or none of it, and durable when this returns.
    [[nodiscard]] Result<void> save(const cluster::Membership& membership) const;
    [[nodiscard]] std::string path() const { return directory_ + "/membership"; }

private:
    std::string directory_;
    UniqueFd taken_;  // the directory, locked
};

}  // namespace pgpool::keeper
