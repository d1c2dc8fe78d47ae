// SPDX-License-Identifier: PostgreSQL
#pragma once

// The bytes of the page. For the writer and the reader of it; everybody else takes those.
//
// Two slots take turns. The writer fills the one that nobody is sent to, then raises `published`, whose
// lowest bit tells the reader which slot is valid. So a reader never finds a view half written, however the
// writer died in the middle; it reads again only if a publication began meanwhile, which the last load of
// `published` shows: a store to a slot comes after the raise before it, and both are seen in this order.
//
// All integers in the byte order of the machine, which never shares a page with another one.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace pgpool::page {

struct Slot {
    std::atomic<std::uint64_t> state;
    std::atomic<std::uint64_t> epoch;
    std::atomic<std::int64_t> deadline;  // nanoseconds of CLOCK_BOOTTIME; Waiting: locked_until
    std::atomic<std::uint64_t> writer;
};

struct Layout {
    static constexpr std::uint64_t kMagic =
        0x31657361656c7067;  // "gplease1", the last character is the version
    static constexpr std::size_t kBootIdSize = 36;

    std::atomic<std::uint64_t> magic;  // written last: the rest of a new page is valid then
    char boot_id[40];                  // of the boot whose clock the deadlines are of
    std::atomic<std::uint64_t> published;
    Slot slots[2];
};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free &&
                  std::atomic<std::int64_t>::is_always_lock_free,
              "processes share them");
static_assert(sizeof(Layout) == 56 + 2 * 32, "the layout is the same for every compiler");

inline constexpr std::size_t kPageSize = 4096;

// /proc/sys/kernel/random/boot_id; empty if it cannot be read.
[[nodiscard]] std::string boot_id();

}  // namespace pgpool::page
