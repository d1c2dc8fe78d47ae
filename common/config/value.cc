// SPDX-License-Identifier: PostgreSQL
#include "common/config/value.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "common/base/bytes.h"
#include "common/base/utf8.h"

namespace pgpool::config {

namespace {

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

// Largest first: writing takes the first that divides.
constexpr std::array<Unit, 5> kTimeUnits{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"min", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr std::array<Unit, 5> kSizeUnits{{{"TB", std::uint64_t{1} << 40U},
                                          {"GB", std::uint64_t{1} << 30U},
                                          {"MB", std::uint64_t{1} << 20U},
                                          {"kB", std::uint64_t{1} << 10U},
                                          {"B", 1}}};

std::span<const Unit> units_of(Kind kind) {
    if (kind == Kind::Duration) return kTimeUnits;
    if (kind == Kind::Size) return kSizeUnits;
    return {};
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

std::string write_units(Kind kind, std::uint64_t count) {
    if (count != 0) {
        for (const Unit& unit : units_of(kind)) {
            if (count % unit.factor == 0) return fmt::format("{}{}", count / unit.factor, unit.name);
        }
    }
    return fmt::format("{}", count);
}

tl::unexpected<std::string> refuse(const Type& type, std::string_view text, std::string_view why) {
    return tl::unexpected<std::string>(
        fmt::format("{} {}; allowed: {}", quoted_for_message(text), why, allowed_text(type)));
}

tl::unexpected<std::string> out_of_range(const Type& type, std::string_view text) {
    return refuse(type, text, "is out of range");
}

tl::unexpected<std::string> not_a_value(const Type& type, std::string_view text) {
    const std::string name = type_name(type);
    const std::string_view article = name.front() == 'o' ? "an" : "a";
    return refuse(type, text, fmt::format("is not {} {}", article, name));
}

// A whole number and its unit, which may follow after a blank; the most that fits for larger ones.
struct Quantity {
    bool is_negative = false;
    std::uint64_t count = 0;
    std::string_view unit;
};

std::optional<Quantity> split_quantity(std::string_view text) {
    Quantity quantity;
    if (text.starts_with('-') || text.starts_with('+')) {
        quantity.is_negative = text.front() == '-';
        text.remove_prefix(1);
    }
    if (text.empty() || !is_digit(text.front())) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), quantity.count);
    if (error == std::errc::result_out_of_range) quantity.count = std::numeric_limits<std::uint64_t>::max();
    quantity.unit = text.substr(static_cast<std::size_t>(end - text.data()));
    if (quantity.unit.starts_with(' ')) quantity.unit.remove_prefix(1);
    return quantity;
}

std::optional<std::uint64_t> factor_of(Kind kind, std::string_view unit) {
    if (unit.empty()) return 1;
    const auto units = units_of(kind);
    const auto found =
        std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == unit; });
    if (found == units.end()) return std::nullopt;
    return found->factor;
}

ReadResult read_quantity(const Type& type, std::string_view text) {
    const std::optional<Quantity> quantity = split_quantity(text);
    const std::optional<std::uint64_t> factor =
        quantity ? factor_of(type.kind, quantity->unit) : std::nullopt;
    if (!factor) return not_a_value(type, text);
    if (quantity->is_negative && quantity->count != 0) return out_of_range(type, text);
    if (quantity->count > std::numeric_limits<std::uint64_t>::max() / *factor)
        return out_of_range(type, text);
    const std::uint64_t count = quantity->count * *factor;
    if (count < type.min || count > type.max) return out_of_range(type, text);
    if (type.kind == Kind::Duration) return milliseconds(static_cast<std::int64_t>(count));
    return count;
}

ReadResult read_real(const Type& type, std::string_view text) {
    double number = 0;
    const char* last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, number);
    const bool is_number = error != std::errc::invalid_argument && end == last && std::isfinite(number);
    if (!is_number) return not_a_value(type, text);
    const bool is_inside = number >= static_cast<double>(type.min) && number <= static_cast<double>(type.max);
    if (error != std::errc() || !is_inside) return out_of_range(type, text);
    return number + 0.0;  // -0 becomes 0
}

ReadResult read_boolean(const Type& type, std::string_view text) {
    const std::string lower = to_lower_ascii(text);
    if (lower == "on" || lower == "true" || lower == "yes") return true;
    if (lower == "off" || lower == "false" || lower == "no") return false;
    return not_a_value(type, text);
}

ReadResult read_word(const Type& type, std::string_view text) {
    const auto found = std::find(type.words.begin(), type.words.end(), text);
    if (found == type.words.end()) return refuse(type, text, "is not allowed");
    return static_cast<std::uint64_t>(found - type.words.begin());
}

// Line ends and tabs may stand in a text (a query over several lines), other controls may not.
bool is_control(std::string_view character) {
    const auto byte = static_cast<unsigned char>(character.front());
    if (character.size() == 1) return (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7F;
    return character.size() == 2 && byte == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
}

bool has_control(std::string_view text) {
    while (!text.empty()) {
        const std::size_t length = utf8_character(text);
        if (length == 0 || is_control(text.substr(0, length))) return true;
        text.remove_prefix(length);
    }
    return false;
}

ReadResult read_text(const Type& type, std::string_view text) {
    if (has_control(text)) return tl::unexpected<std::string>("holds a control character");
    if (text.size() > type.max) {
        return tl::unexpected<std::string>(
            fmt::format("is too long ({} bytes); allowed: at most {} bytes", text.size(), type.max));
    }
    if (text.size() < type.min) return tl::unexpected<std::string>("must not be empty");
    return std::string(text);
}

bool is_plain_safe(std::string_view text) {
    const auto is_word = [](char c) {
        return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '/';
    };
    if (text.empty() || !is_word(text.front()) || to_lower_ascii(text) == "null") return false;
    return std::all_of(text.begin(), text.end(), [&](char c) { return is_word(c) || c == '.' || c == '-'; });
}

std::string yaml_text(std::string_view text) {
    if (is_plain_safe(text)) return std::string(text);
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '\n') {
            quoted += "\\n";
        } else if (c == '\t') {
            quoted += "\\t";
        } else {
            if (c == '"' || c == '\\') quoted += '\\';
            quoted += c;
        }
    }
    return quoted + '"';
}

std::string write_text(const Type& type, const std::string& text, Spelling spelling) {
    const bool is_masked = type.secrecy == Secrecy::Secret && spelling != Spelling::Yaml && !text.empty();
    const std::string& shown = is_masked ? std::string("***") : text;
    return spelling == Spelling::Plain ? shown : yaml_text(shown);
}

std::string write_list(const std::vector<std::string>& elements, Spelling spelling) {
    if (spelling == Spelling::Plain) return fmt::format("{}", fmt::join(elements, ", "));
    std::vector<std::string> quoted;
    std::transform(elements.begin(), elements.end(), std::back_inserter(quoted), yaml_text);
    return fmt::format("[{}]", fmt::join(quoted, ", "));
}

}  // namespace

ReadResult read_scalar(const Type& type, std::string_view text) {
    switch (type.kind) {
        case Kind::Boolean:
            return read_boolean(type, text);
        case Kind::Integer:
        case Kind::Duration:
        case Kind::Size:
            return read_quantity(type, text);
        case Kind::Real:
            return read_real(type, text);
        case Kind::Text:
            return read_text(type, text);
        case Kind::TextList:
            return read_list(type, {std::string(text)});
        case Kind::Word:
            return read_word(type, text);
    }
    return tl::unexpected<std::string>("has no type");
}

ReadResult read_list(const Type& type, std::vector<std::string> elements) {
    if (elements.size() < type.min || elements.size() > type.max) {
        return tl::unexpected<std::string>(
            fmt::format("has {} elements; allowed: {}", elements.size(), allowed_text(type)));
    }
    for (const std::string& element : elements) {
        if (element.empty()) return tl::unexpected<std::string>("holds an empty text");
        if (has_control(element)) return tl::unexpected<std::string>("holds a control character");
    }
    return elements;
}

std::string write_value(const Type& type, const Value& value, Spelling spelling) {
    switch (type.kind) {
        case Kind::Boolean:
            return std::get<bool>(value) ? "on" : "off";
        case Kind::Integer:
            return fmt::format("{}", std::get<std::uint64_t>(value));
        case Kind::Real:
            return fmt::format("{}", std::get<double>(value));
        case Kind::Duration:
            return write_units(type.kind, static_cast<std::uint64_t>(std::get<milliseconds>(value).count()));
        case Kind::Size:
            return write_units(type.kind, std::get<std::uint64_t>(value));
        case Kind::Text:
            return write_text(type, std::get<std::string>(value), spelling);
        case Kind::TextList:
            return write_list(std::get<std::vector<std::string>>(value), spelling);
        case Kind::Word:
            return std::string(type.words[std::get<std::uint64_t>(value)]);
    }
    return {};
}

std::string type_name(const Type& type) {
    switch (type.kind) {
        case Kind::Boolean:
            return "boolean";
        case Kind::Integer:
            return "whole number";
        case Kind::Real:
            return "number";
        case Kind::Duration:
            return "duration";
        case Kind::Size:
            return "size";
        case Kind::Text:
            return "text";
        case Kind::TextList:
            return "list of texts";
        case Kind::Word:
            return "one of";
    }
    return {};
}

std::string allowed_text(const Type& type) {
    switch (type.kind) {
        case Kind::Boolean:
            return "on, off, true, false, yes, no";
        case Kind::Integer:
        case Kind::Real:
            return fmt::format("{} to {}", type.min, type.max);
        case Kind::Duration:
            return fmt::format("{} to {}, e.g. 500ms, 30s", write_units(type.kind, type.min),
                               write_units(type.kind, type.max));
        case Kind::Size:
            return fmt::format("{} to {}, e.g. 64kB, 16MB", write_units(type.kind, type.min),
                               write_units(type.kind, type.max));
        case Kind::Text:
            return fmt::format("{} to {} bytes", type.min, type.max);
        case Kind::TextList:
            return fmt::format("{} to {} elements", type.min, type.max);
        case Kind::Word:
            return fmt::format("{}", fmt::join(type.words, ", "));
    }
    return {};
}

std::string shown_in_message(std::string_view text) {
    constexpr std::size_t kMaxBytes = 60;
    std::string shown;
    while (!text.empty()) {
        const std::size_t length = utf8_character(text);
        if (shown.size() + std::max<std::size_t>(length, 1) > kMaxBytes) return shown + "...";
        const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
        const bool is_shown = length != 0 && !is_control(character) && character != "\n" && character != "\t";
        shown += is_shown ? character : "?";
        text.remove_prefix(character.size());
    }
    return shown;
}

std::string quoted_for_message(std::string_view text) {
    return '"' + shown_in_message(text) + '"';
}

}  // namespace pgpool::config
