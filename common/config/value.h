// SPDX-License-Identifier: PostgreSQL
#pragma once

// Values of parameters: what a type allows, its reading from YAML text, its writing.
//
// Durations are written `500ms`, `30s`, `5min`, `1h`, `1d` or as an integer, which is milliseconds. Sizes are
// written as PostgreSQL does, in powers of 1024: `64kB`, `16MB`, `1GB`, `1TB`, `512B`, or an integer, bytes.
// Reading what was written gives the same value. Messages never repeat a secret.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

#include "common/base/clock.h"

namespace pgpool::config {

// Integer, Size and Word (the index of the word) are std::uint64_t; Text is std::string.
using Value = std::variant<bool, std::uint64_t, double, milliseconds, std::string, std::vector<std::string>>;

enum class Kind : std::uint8_t { Boolean, Integer, Real, Duration, Size, Text, TextList, Word };
enum class Secrecy : std::uint8_t { Public, Secret };

struct Type {
    Kind kind = Kind::Boolean;
    // Bounds, both included: the number; Duration: milliseconds; Size and Text: bytes; TextList: elements.
    std::uint64_t min = 0;
    std::uint64_t max = 0;
    std::span<const std::string_view> words;  // Word: spelled in the order of the enumerators
    Secrecy secrecy = Secrecy::Public;
};

constexpr Type boolean() {
    return {Kind::Boolean, 0, 0, {}, Secrecy::Public};
}
constexpr Type integer(std::uint64_t min, std::uint64_t max) {
    return {Kind::Integer, min, max, {}, Secrecy::Public};
}
constexpr Type real(std::uint64_t min, std::uint64_t max) {
    return {Kind::Real, min, max, {}, Secrecy::Public};
}
constexpr Type duration(milliseconds min, milliseconds max) {
    return {Kind::Duration,
            static_cast<std::uint64_t>(min.count()),
            static_cast<std::uint64_t>(max.count()),
            {},
            Secrecy::Public};
}
constexpr Type size(std::uint64_t min, std::uint64_t max) {
    return {Kind::Size, min, max, {}, Secrecy::Public};
}
constexpr Type text(std::uint64_t min, std::uint64_t max) {
    return {Kind::Text, min, max, {}, Secrecy::Public};
}
constexpr Type secret(std::uint64_t max) {
    return {Kind::Text, 0, max, {}, Secrecy::Secret};
}
constexpr Type text_list(std::uint64_t min, std::uint64_t max) {
    return {Kind::TextList, min, max, {}, Secrecy::Public};
}
constexpr Type word(std::span<const std::string_view> words) {
    return {Kind::Word, 0, 0, words, Secrecy::Public};
}

// Why a text is no value of the type, for people: `"abc" is not a duration; allowed: 0 to 1h, e.g. 500ms,
// 30s`.
using ReadResult = tl::expected<Value, std::string>;

// Reads one scalar. For a TextList it is its only element.
[[nodiscard]] ReadResult read_scalar(const Type& type, std::string_view text);
// Reads the elements of a TextList.
[[nodiscard]] ReadResult read_list(const Type& type, std::vector<std::string> elements);

enum class Spelling : std::uint8_t {
    Yaml,      // as in the file, quoted where needed, secrets in clear
    YamlMask,  // the same, `***` for a secret that is set
    Plain,     // for tables and messages: no quotes, elements separated by ", ", secrets masked
};
[[nodiscard]] std::string write_value(const Type& type, const Value& value, Spelling spelling);

[[nodiscard]] std::string type_name(const Type& type);     // "duration"
[[nodiscard]] std::string allowed_text(const Type& type);  // "0 to 1h, e.g. 500ms, 30s"; empty: anything

// A user's text as part of a message: quoted, cut after 60 bytes, controls replaced.
[[nodiscard]] std::string quoted_for_message(std::string_view text);
[[nodiscard]] std::string shown_in_message(std::string_view text);  // the same without quotes

}  // namespace pgpool::config
