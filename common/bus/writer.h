// SPDX-License-Identifier: PostgreSQL
#pragma once

// Writer: appends the fields of a message (fields.h). For common/bus, and for watchdog/wire, whose messages
// are written the same way. Numbers are little-endian; a text has its length in two bytes, a record its
// length in two, a list its count in two. The first field that breaks its limit is the error.

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "common/base/error.h"
#include "common/bus/fields.h"

namespace pgpool::bus {

class Writer {
public:
    explicit Writer(std::string& to) : to_(to) {}

    template <std::integral T>
    void number(std::string_view, T value) {
        append(static_cast<std::make_unsigned_t<T>>(value), sizeof value);
    }
    template <typename T>
    void choice(std::string_view, T value, T) {
        append(static_cast<std::uint8_t>(value), 1);
    }
    void name(std::string_view field, std::string_view value) { text(field, value, kNameLimit); }
    void text(std::string_view field, std::string_view value, std::size_t limit);
    void prose(std::string_view field, std::string_view value);

    template <typename T>
    void record(std::string_view field, T& value) {
        const std::size_t begin = to_.size();
        append(0, 2);
        fields(*this, value);
        close_record(field, begin);
    }
    template <typename T>
    void list(std::string_view field, std::vector<T>& values) {
        check(field, "entries", values.size(), kListLimit);
        append(values.size(), 2);
        for (T& value : values) record(field, value);
    }

    [[nodiscard]] const Result<void>& result() const { return result_; }

private:
    void append(std::uint64_t value, std::size_t width);
    void close_record(std::string_view field, std::size_t begin);
    void check(std::string_view field, std::string_view unit, std::size_t size, std::size_t limit);

    std::string& to_;
    Result<void> result_;
};

}  // namespace pgpool::bus
