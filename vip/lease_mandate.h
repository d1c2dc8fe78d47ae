// SPDX-License-Identifier: PostgreSQL
#pragma once

// LeaseMandate: addresses may be held as long as the page of the lease says that this member has the lease of
// the epoch in which they were ordered.
//
// Threads: deadline() is for the holder's: two loads and the page, no lock and no call of the kernel. The
// rest is for one other thread. Pages that were replaced are kept until the end, so that nobody has to know
// whether one is being read: a watchdog writes on the page that it finds, so there is another one only after
// an upgrade.

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "common/base/ids.h"
#include "common/page/lease_page_reader.h"
#include "vip/tenure/mandate.h"

namespace pgpool::vip {

class LeaseMandate final : public Mandate {
public:
    explicit LeaseMandate(std::filesystem::path page) : path_(std::move(page)) {}

    // Looks for the page, if there is none yet or another one now. An error says why it cannot be read; then
    // the last one goes on to count.
    [[nodiscard]] std::optional<Error> look();
    // The epoch that counts from now on; none: nothing may be held.
    void follow(Epoch epoch) { epoch_.store(epoch.value, std::memory_order_release); }

    [[nodiscard]] BootTime deadline() const noexcept override;

private:
    const std::filesystem::path path_;
    std::vector<std::unique_ptr<page::LeasePageReader>> pages_;
    std::atomic<const page::LeasePageReader*> page_{nullptr};
    std::atomic<std::uint64_t> epoch_{0};
};

}  // namespace pgpool::vip
