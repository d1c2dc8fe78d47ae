// SPDX-License-Identifier: PostgreSQL
#pragma once

// CopyBodies: what CopyData messages hold, of a stream of messages that is cut anywhere. Pure.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "common/base/bytes.h"

namespace pgpool::exec {

class CopyBodies {
public:
    // The next piece of a body, which is taken from the front of `messages`; nothing: they are used up. A
    // body may be empty.
    [[nodiscard]] std::optional<ByteView> next(ByteView& messages) {
        constexpr std::size_t kHeader = 5;
        if (left_ == 0) {
            const std::size_t taken = std::min(kHeader - header_.size(), messages.size());
            header_.append(messages.substr(0, taken));
            messages.remove_prefix(taken);
            if (header_.size() < kHeader) return std::nullopt;
            type_ = header_[0];
            left_ = std::max<std::uint32_t>(load_be32(header_.data() + 1), 4) - 4;
            header_.clear();
        }
        if (messages.empty() && left_ > 0) return std::nullopt;
        const std::size_t taken = std::min<std::uint64_t>(left_, messages.size());
        const ByteView piece = messages.substr(0, taken);
        left_ -= taken;
        messages.remove_prefix(taken);
        return piece;
    }
    [[nodiscard]] char type() const { return type_; }  // of the message that the piece is of

private:
    std::string header_;  // of the message that is arriving: its type and length
    char type_ = 0;
    std::uint64_t left_ = 0;
};

}  // namespace pgpool::exec
