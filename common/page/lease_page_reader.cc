// SPDX-License-Identifier: PostgreSQL
#include "common/page/lease_page_reader.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "common/base/unique_fd.h"

namespace pgpool::page {

namespace {

// A publication takes nanoseconds and comes a few times a second: who is disturbed so often reads no page of
// ours.
constexpr int kAttempts = 16;

LeaseView view_of(const Slot& slot) {
    LeaseView view;
    const std::uint64_t state = slot.state.load(std::memory_order_acquire);
    view.epoch = Epoch(slot.epoch.load(std::memory_order_acquire));
    const BootTime until(BootDuration(slot.deadline.load(std::memory_order_acquire)));
    view.writer = Incarnation(slot.writer.load(std::memory_order_acquire));
    if (state > static_cast<std::uint64_t>(LeaseState::Waiting)) return {};
    view.state = static_cast<LeaseState>(state);
    (view.state == LeaseState::Waiting ? view.locked_until : view.deadline) = until;
    return view;
}

}  // namespace

std::optional<Error> LeasePageReader::refresh() {
    const UniqueFd file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    struct stat status {};
    if (!file.valid() || ::fstat(file.get(), &status) != 0) {
        const int reason = errno;
        page_ = Mapping();
        return fail_errno(path_.string(), reason).value();
    }
    if (page_.valid() && status.st_dev == device_ && status.st_ino == inode_) return std::nullopt;
    page_ = Mapping();
    const auto refuse = [this](std::string_view why) {
        return Error{path_.string() + ": " + std::string(why), sqlstate::kSystemError};
    };
    if (!S_ISREG(status.st_mode) || status.st_size < static_cast<off_t>(kPageSize)) {
        return refuse("it is no page of a lease: too short");
    }
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return refuse("others than its owner may write to it");
    Mapping page(file.get(), PROT_READ);
    if (!page.valid()) return fail_errno("mmap", errno).value().within(path_.string());
    if (page->magic.load(std::memory_order_acquire) != Layout::kMagic) {
        return refuse("it is no page of a lease, or one of another version");
    }
    const std::string boot = boot_id();
    if (boot.empty() || std::memcmp(page->boot_id, boot.data(), Layout::kBootIdSize) != 0) {
        return refuse("it is of another boot of this machine, whose clock means nothing now");
    }
    page_ = std::move(page);
    device_ = status.st_dev;
    inode_ = status.st_ino;
    return std::nullopt;
}

bool LeasePageReader::is_current() const {
    struct stat status {};
    return page_.valid() && ::stat(path_.c_str(), &status) == 0 && status.st_dev == device_ &&
           status.st_ino == inode_;
}

LeaseView LeasePageReader::read() const {
    if (!page_.valid()) return {};
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        const std::uint64_t published = page_->published.load(std::memory_order_acquire);
        const LeaseView view = view_of(page_->slots[published & 1]);
        if (page_->published.load(std::memory_order_relaxed) == published) return view;
    }
    return {};
}

}  // namespace pgpool::page
