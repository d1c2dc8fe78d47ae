// SPDX-License-Identifier: PostgreSQL
#pragma once

// LeasePageWriter: publishes the view of the lease on a page of shared memory.
//
// Invariants:
//   1. A file has one writer at a time: an exclusive flock(2) on it ends with the process; one on the folder
//   is held while it is opened.
//   2. When the writer dies nothing is to be cleaned up: what it has published ends with its deadline. A new
//   writer begins with "nobody may act".
//   3. A valid page is written on, not replaced, so that readers keep their mapping. What is no valid page is
//   replaced by rename(2): no reader ever sees a file that shrinks.
// The file belongs into a folder that only the writer may write to, on a file system in memory; its mode is
// 0640, and the group that of the programs of the appliance.
// Threads: one. publish() neither waits nor calls the kernel.

#include <sys/types.h>

#include <filesystem>
#include <optional>

#include "common/base/error.h"
#include "common/base/unique_fd.h"
#include "common/page/lease_view.h"
#include "common/page/mapping.h"

namespace pgpool::page {

class LeasePageWriter {
public:
    // `group`: who may read it, besides us; none: our own group.
    [[nodiscard]] static Result<LeasePageWriter> open(const std::filesystem::path& path,
                                                      std::optional<gid_t> group = std::nullopt);

    // The writer of the view is this one, whatever it says.
    void publish(const LeaseView& view);

    [[nodiscard]] Incarnation incarnation() const { return incarnation_; }

private:
    LeasePageWriter(UniqueFd file, Mapping page, Incarnation incarnation)
        : file_(std::move(file)), page_(std::move(page)), incarnation_(incarnation) {}

    UniqueFd file_;  // has the lock
    Mapping page_;
    Incarnation incarnation_;
};

}  // namespace pgpool::page
