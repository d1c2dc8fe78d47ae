// SPDX-License-Identifier: PostgreSQL
#include "common/page/lease_page_writer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "common/page/boot_now.h"

namespace pgpool::page {

namespace {

namespace fs = std::filesystem;

Error failed(const fs::path& path, std::string_view what) {
    return fail_errno(what, errno).value().within(path.string());
}

Result<UniqueFd> lock(UniqueFd file, const fs::path& path) {
    if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return file;
    if (errno == EWOULDBLOCK) {
        return fail(sqlstate::kSystemError, path.string() + ": another process publishes its lease there");
    }
    return tl::unexpected(failed(path, "flock"));
}

bool is_page_of_this_boot(const UniqueFd& file, const std::string& boot) {
    struct stat status {};
    if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
    if (status.st_size != static_cast<off_t>(kPageSize)) return false;
    const Mapping page(file.get(), PROT_READ);
    return page.valid() && page->magic.load(std::memory_order_acquire) == Layout::kMagic &&
           std::memcmp(page->boot_id, boot.data(), Layout::kBootIdSize) == 0;
}

// In the place of whatever is there.
Result<UniqueFd> create(const fs::path& path, const std::string& boot) {
    const std::string fresh = path.string() + ".new";
    UniqueFd file(::open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.valid() || ::ftruncate(file.get(), static_cast<off_t>(kPageSize)) != 0) {
        return tl::unexpected(failed(fresh, "open"));
    }
    Result<UniqueFd> locked = lock(std::move(file), path);
    if (!locked) return locked;
    const Mapping page(locked->get(), PROT_READ | PROT_WRITE);
    if (!page.valid()) return tl::unexpected(failed(fresh, "mmap"));
    std::memcpy(page->boot_id, boot.data(), Layout::kBootIdSize);
    for (Slot& slot : page->slots) slot.deadline.store(BootTime::min().time_since_epoch().count());
    page->magic.store(Layout::kMagic, std::memory_order_release);
    if (::rename(fresh.c_str(), path.c_str()) != 0) return tl::unexpected(failed(path, "rename"));
    return locked;
}

Result<UniqueFd> adopt_or_create(const fs::path& path) {
    const std::string boot = boot_id();
    if (boot.empty()) return fail(sqlstate::kSystemError, "the boot has no id: is /proc mounted?");
    UniqueFd present(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (!present.valid()) return create(path, boot);
    Result<UniqueFd> locked = lock(std::move(present), path);
    if (!locked || is_page_of_this_boot(*locked, boot)) return locked;
    return create(path, boot);
}

}  // namespace

Result<LeasePageWriter> LeasePageWriter::open(const fs::path& path, std::optional<gid_t> group) {
    // Two that start at once look and create one after the other.
    const UniqueFd folder(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder.valid() || ::flock(folder.get(), LOCK_EX) != 0) {
        return tl::unexpected(failed(path.parent_path(), "open"));
    }
    Result<UniqueFd> file = adopt_or_create(path);
    if (!file) return tl::unexpected(file.error());
    if (group && ::fchown(file->get(), static_cast<uid_t>(-1), *group) != 0) {
        return tl::unexpected(failed(path, "fchown"));
    }
    if (::fchmod(file->get(), 0640) != 0) return tl::unexpected(failed(path, "fchmod"));
    Mapping page(file->get(), PROT_READ | PROT_WRITE);
    if (!page.valid()) return tl::unexpected(failed(path, "mmap"));
    const Incarnation incarnation(static_cast<std::uint64_t>(boot_now().time_since_epoch().count()));
    LeasePageWriter writer(std::move(*file), std::move(page), incarnation);
    writer.publish({});
    return writer;
}

void LeasePageWriter::publish(const LeaseView& view) {
    const std::uint64_t next = page_->published.load(std::memory_order_relaxed) + 1;
    Slot& slot = page_->slots[next & 1];
    // Each store to a slot releases: whoever sees it sees the raise of `published` before it, too.
    slot.state.store(static_cast<std::uint64_t>(view.state), std::memory_order_release);
    slot.epoch.store(view.epoch.value, std::memory_order_release);
    const BootTime until = view.state == LeaseState::Waiting ? view.locked_until : view.deadline;
    slot.deadline.store(until.time_since_epoch().count(), std::memory_order_release);
    slot.writer.store(incarnation_.value, std::memory_order_release);
    page_->published.store(next, std::memory_order_release);
}

}  // namespace pgpool::page
