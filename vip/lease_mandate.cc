// SPDX-License-Identifier: PostgreSQL
#include "vip/lease_mandate.h"

#include <utility>

#include "vip/duty/lease_deadline.h"

namespace pgpool::vip {

std::optional<Error> LeaseMandate::look() {
    if (!pages_.empty() && pages_.back()->is_current()) return std::nullopt;
    auto page = std::make_unique<page::LeasePageReader>(path_);
    if (auto error = page->refresh()) return error;
    pages_.push_back(std::move(page));
    page_.store(pages_.back().get(), std::memory_order_release);
    return std::nullopt;
}

BootTime LeaseMandate::deadline() const noexcept {
    const page::LeasePageReader* page = page_.load(std::memory_order_acquire);
    if (page == nullptr) return BootTime::min();
    return deadline_of(page->read(), Epoch(epoch_.load(std::memory_order_acquire)));
}

}  // namespace pgpool::vip
