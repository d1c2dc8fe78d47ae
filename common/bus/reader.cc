// SPDX-License-Identifier: PostgreSQL
#include "common/bus/reader.h"

#include <fmt/core.h>

namespace pgpool::bus {

void Reader::text(std::string_view field, std::string& value, std::size_t limit) {
    const std::size_t offset = at_;
    const auto size = static_cast<std::size_t>(take(field, 2));
    if (size > limit) {
        give_up(field, offset, fmt::format("a text of {} bytes, at most {} are allowed", size, limit));
    } else if (size > end_ - at_) {
        give_up(field, offset, fmt::format("a text of {} bytes where {} are left", size, end_ - at_));
    }
    if (!result_) return;
    value.assign(message_.substr(at_, size));
    at_ += size;
}

std::uint64_t Reader::take(std::string_view field, std::size_t width) {
    if (width > end_ - at_) {
        give_up(field, at_, fmt::format("{} bytes are left where {} belong", end_ - at_, width));
    }
    if (!result_) return 0;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < width; ++i) {
        value |= std::uint64_t{static_cast<std::uint8_t>(message_[at_ + i])} << (8 * i);
    }
    at_ += width;
    return value;
}

std::size_t Reader::take_count(std::string_view field) {
    const std::size_t offset = at_;
    const auto count = static_cast<std::size_t>(take(field, 2));
    if (count > kListLimit) {
        give_up(field, offset, fmt::format("{} entries, at most {} are allowed", count, kListLimit));
    } else if (count * 2 > end_ - at_) {
        give_up(field, offset, fmt::format("{} entries in {} bytes", count, end_ - at_));
    }
    return result_ ? count : 0;
}

std::size_t Reader::open_record(std::string_view field) {
    const std::size_t outer = end_;
    const std::size_t offset = at_;
    const auto size = static_cast<std::size_t>(take(field, 2));
    if (size > end_ - at_) {
        give_up(field, offset, fmt::format("a record of {} bytes where {} are left", size, end_ - at_));
    }
    if (result_) end_ = at_ + size;
    return outer;
}

void Reader::close_record(std::size_t outer_end) {
    if (!result_) return;
    at_ = end_;
    end_ = outer_end;
}

void Reader::give_up(std::string_view field, std::size_t offset, std::string_view what) {
    if (!result_) return;
    result_ =
        fail(sqlstate::kProtocolViolation, fmt::format("field {} at offset {}: {}", field, offset, what));
}

}  // namespace pgpool::bus
