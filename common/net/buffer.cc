// SPDX-License-Identifier: PostgreSQL
#include "common/net/buffer.h"

#include <algorithm>
#include <cstring>

#include "common/base/error.h"

namespace pgpool::net {

BufferPool::~BufferPool() {
    for (char* block : free_) delete[] block;
}

char* BufferPool::take(std::size_t size) {
    if (size != kBlock || free_.empty()) return new char[size];
    char* block = free_.back();
    free_.pop_back();
    return block;
}

void BufferPool::give_back(char* block, std::size_t size) {
    if (size == kBlock && free_.size() < kKept) {
        free_.push_back(block);
    } else {
        delete[] block;
    }
}

void Buffer::append(ByteView bytes) {
    if (bytes.empty()) return;
    std::memcpy(room(bytes.size()), bytes.data(), bytes.size());
    committed(bytes.size());
}

void Buffer::consume(std::size_t count) {
    PGPOOL_ASSERT(count <= size());
    begin_ += static_cast<std::uint32_t>(count);
    if (begin_ == end_) clear();
}

void Buffer::clear() {
    if (block_ != nullptr) pool_->give_back(block_, capacity_);
    block_ = nullptr;
    capacity_ = begin_ = end_ = 0;
}

char* Buffer::room(std::size_t wanted) {
    if (capacity_ - end_ < wanted) grow(size() + wanted);
    return block_ + end_;
}

void Buffer::grow(std::size_t needed) {
    if (needed <= capacity_) {  // enough in all: move the bytes to the front
        std::memmove(block_, block_ + begin_, size());
    } else {
        std::size_t capacity = std::max<std::size_t>(capacity_, BufferPool::kBlock);
        while (capacity < needed) capacity *= 2;
        PGPOOL_ASSERT(capacity <= UINT32_MAX);
        char* block = pool_->take(capacity);
        if (block_ != nullptr) {
            std::memcpy(block, block_ + begin_, size());
            pool_->give_back(block_, capacity_);
        }
        block_ = block;
        capacity_ = static_cast<std::uint32_t>(capacity);
    }
    end_ -= begin_;
    begin_ = 0;
}

}  // namespace pgpool::net
