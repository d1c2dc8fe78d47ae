// SPDX-License-Identifier: PostgreSQL
#pragma once

// LeasePageReader: reads the lease of this machine's member from its page.
//
// read() costs a few nanoseconds, takes no lock, calls no kernel and never waits for the writer, whatever has
// become of it. A page that is missing, too short, of another version or boot, or writable by others than
// its owner says that nobody may act; refresh() tells why and looks again.
// Threads: read() and is_current() any; refresh() one, while no other reads through the same object.

#include <sys/types.h>

#include <filesystem>
#include <optional>

#include "common/base/error.h"
#include "common/page/lease_view.h"
#include "common/page/mapping.h"

namespace pgpool::page {

class LeasePageReader {
public:
    // Does not look yet: refresh() does.
    explicit LeasePageReader(std::filesystem::path path) : path_(std::move(path)) {}

    // Maps the page if it is not mapped yet, or if the file was replaced. Call it at the start, and then now
    // and then. An Error says why nobody may act.
    [[nodiscard]] std::optional<Error> refresh();

    [[nodiscard]] LeaseView read() const;

    // Whether a page is mapped, and it is the one that the path leads to now.
    [[nodiscard]] bool is_current() const;

private:
    std::filesystem::path path_;
    Mapping page_;
    dev_t device_ = 0;
    ino_t inode_ = 0;
};

}  // namespace pgpool::page
