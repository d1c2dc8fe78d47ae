// SPDX-License-Identifier: PostgreSQL
#pragma once

// Reader: takes the fields of a message (fields.h) from bytes that nobody vouches for. For common/bus, and
// for watchdog/wire, whose messages are written the same way.
//
// The first thing that is wrong is the error, with the name of its field and its offset; all later fields
// keep their defaults. What stands behind the last known field of a record or of the message is skipped: a
// newer version put it there. So does memory: a list takes at most kListLimit entries, and each entry has its
// two bytes of length.

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/error.h"
#include "common/bus/fields.h"

namespace pgpool::bus {

class Reader {
public:
    // Offsets in errors are counted from the beginning of `message`; the fields begin at `begin`.
    Reader(ByteView message, std::size_t begin) : message_(message), at_(begin), end_(message.size()) {}

    template <std::integral T>
    void number(std::string_view field, T& value) {
        value = static_cast<T>(take(field, sizeof value));
    }
    template <typename T>
    void choice(std::string_view field, T& value, T last) {
        const auto number = take(field, 1);
        value = number <= static_cast<std::uint64_t>(last) ? static_cast<T>(number) : T{};
    }
    void name(std::string_view field, std::string& value) { text(field, value, kNameLimit); }
    void text(std::string_view field, std::string& value, std::size_t limit);
    void prose(std::string_view field, std::string& value) { text(field, value, kProseLimit); }

    template <typename T>
    void record(std::string_view field, T& value) {
        const std::size_t outer = open_record(field);
        fields(*this, value);
        close_record(outer);
    }
    template <typename T>
    void list(std::string_view field, std::vector<T>& values) {
        const std::size_t count = take_count(field);
        for (std::size_t i = 0; i < count && result_; ++i) record(field, values.emplace_back());
    }

    [[nodiscard]] const Result<void>& result() const { return result_; }

private:
    std::uint64_t take(std::string_view field, std::size_t width);
    std::size_t take_count(std::string_view field);
    std::size_t open_record(std::string_view field);
    void close_record(std::size_t outer_end);
    void give_up(std::string_view field, std::size_t offset, std::string_view what);

    ByteView message_;
    std::size_t at_;
    std::size_t end_;  // of the innermost open record
    Result<void> result_;
};

}  // namespace pgpool::bus
