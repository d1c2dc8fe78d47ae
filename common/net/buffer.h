// SPDX-License-Identifier: PostgreSQL
#pragma once

// Buffer: a contiguous run of bytes between a socket and the code that reads it. It owns memory only while it
// holds bytes, so that an idle connection costs none.
//
// Invariants: (1) empty() implies that no block is held; (2) view() is contiguous; (3) a view is valid until
// the next call that is not const. Threads: one worker only, as its pool.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/base/bytes.h"

namespace pgpool::net {

// Free list of equal blocks; larger ones come from the heap and go back to it.
class BufferPool {
public:
    static constexpr std::size_t kBlock = 16 * 1024;

    BufferPool() = default;
    BufferPool(const BufferPool&) = delete;
    BufferPool& operator=(const BufferPool&) = delete;
    ~BufferPool();

    [[nodiscard]] char* take(std::size_t size);
    void give_back(char* block, std::size_t size);

private:
    static constexpr std::size_t kKept = 512;
    std::vector<char*> free_;
};

class Buffer {
public:
    explicit Buffer(BufferPool& pool) : pool_(&pool) {}
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer() { clear(); }

    [[nodiscard]] bool empty() const { return begin_ == end_; }
    [[nodiscard]] std::size_t size() const { return end_ - begin_; }
    [[nodiscard]] ByteView view() const { return {block_ + begin_, size()}; }

    void append(ByteView bytes);
    void consume(std::size_t count);  // REQUIRES: count <= size()
    void clear();

    // Room for at least `wanted` bytes behind the end; committed() says how many were written there.
    [[nodiscard]] char* room(std::size_t wanted);
    [[nodiscard]] std::size_t room_size() const { return capacity_ - end_; }
    void committed(std::size_t count) { end_ += static_cast<std::uint32_t>(count); }

private:
    void grow(std::size_t needed);

    BufferPool* pool_;
    char* block_ = nullptr;
    std::uint32_t capacity_ = 0;
    std::uint32_t begin_ = 0;
    std::uint32_t end_ = 0;
};

}  // namespace pgpool::net
