// SPDX-License-Identifier: PostgreSQL
#include "common/bus/writer.h"

#include <fmt/core.h>

#include <limits>

#include "common/base/utf8.h"

namespace pgpool::bus {

namespace {
// The first bytes of `value`, at most `limit`, without a part of a character at the end.
std::string_view cut(std::string_view value, std::size_t limit) {
    if (value.size() <= limit) return value;
    std::size_t end = limit;
    for (std::size_t back = 0; back < 4 && back < limit; ++back) {
        if (utf8_character(value.substr(limit - back)) != 0) {
            end = limit - back;
            break;
        }
    }
    return value.substr(0, end);
}
}  // namespace

void Writer::text(std::string_view field, std::string_view value, std::size_t limit) {
    check(field, "bytes", value.size(), limit);
    append(value.size(), 2);
    to_.append(value);
}

void Writer::prose(std::string_view field, std::string_view value) {
    text(field, cut(value, kProseLimit), kProseLimit);
}

void Writer::append(std::uint64_t value, std::size_t width) {
    for (std::size_t i = 0; i < width; ++i) to_.push_back(static_cast<char>(value >> (8 * i) & 0xff));
}

void Writer::close_record(std::string_view field, std::size_t begin) {
    const std::size_t size = to_.size() - begin - 2;
    check(field, "bytes", size, std::numeric_limits<std::uint16_t>::max());
    to_[begin] = static_cast<char>(size & 0xff);
    to_[begin + 1] = static_cast<char>(size >> 8 & 0xff);
}

void Writer::check(std::string_view field, std::string_view unit, std::size_t size, std::size_t limit) {
    if (size <= limit || !result_) return;
    result_ = fail(sqlstate::kProtocolViolation,
                   fmt::format("field {} has {} {}, at most {} are allowed", field, size, unit, limit));
}

}  // namespace pgpool::bus
