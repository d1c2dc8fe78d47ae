// SPDX-License-Identifier: PostgreSQL
#pragma once

// Mapping: owner of a mapped page. Move only.

#include <sys/mman.h>

#include <utility>

#include "common/page/layout.h"

namespace pgpool::page {

class Mapping {
public:
    Mapping() = default;
    // The first page of the file; REQUIRES that it has one. Not valid if the kernel refuses.
    Mapping(int fd, int protection) {
        void* at = ::mmap(nullptr, kPageSize, protection, MAP_SHARED, fd, 0);
        if (at != MAP_FAILED) layout_ = static_cast<Layout*>(at);
    }
    Mapping(Mapping&& other) noexcept : layout_(std::exchange(other.layout_, nullptr)) {}
    Mapping& operator=(Mapping&& other) noexcept {
        std::swap(layout_, other.layout_);
        return *this;
    }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping() {
        if (layout_ != nullptr) ::munmap(layout_, kPageSize);
    }

    [[nodiscard]] bool valid() const { return layout_ != nullptr; }
    [[nodiscard]] Layout* operator->() const { return layout_; }

private:
    Layout* layout_ = nullptr;
};

}  // namespace pgpool::page
