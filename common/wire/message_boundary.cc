// SPDX-License-Identifier: PostgreSQL
#include "common/wire/message_boundary.h"

#include <algorithm>

namespace pgpool::wire {

namespace {
constexpr std::uint32_t kLengthWord = 4;  // counts itself
}

void MessageBoundary::pass(ByteView bytes) {
    while (!bytes.empty()) bytes.remove_prefix(step(bytes));
}

std::size_t MessageBoundary::rest_of_message(ByteView bytes) const {
    MessageBoundary ahead = *this;
    std::size_t used = 0;
    while (!ahead.between_messages() && used < bytes.size()) used += ahead.step(bytes.substr(used));
    return used;
}

std::size_t MessageBoundary::step(ByteView bytes) {
    if (body_left_ > 0) {
        const std::size_t taken = std::min<std::uint64_t>(body_left_, bytes.size());
        body_left_ -= taken;
        return taken;
    }
    const std::size_t taken = std::min(header_.size() - header_size_, bytes.size());
    std::copy_n(bytes.begin(), taken, header_.begin() + static_cast<std::ptrdiff_t>(header_size_));
    header_size_ += taken;
    last_type_ = header_[0];
    if (header_size_ < header_.size()) return taken;
    header_size_ = 0;
    const std::uint32_t length = load_be32(header_.data() + 1);
    body_left_ = length > kLengthWord ? length - kLengthWord : 0;
    return taken;
}

}  // namespace pgpool::wire
