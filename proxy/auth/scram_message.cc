// SPDX-License-Identifier: PostgreSQL
#include "proxy/auth/scram_message.h"

#include <fmt/core.h>

#include <algorithm>

namespace pgpool::auth {

namespace {

bool is_letter(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}
bool is_printable(char c) {
    return c >= 0x21 && c <= 0x7e;
}

}  // namespace

tl::unexpected<Error> malformed_scram(std::string_view detail) {
    return fail(sqlstate::kProtocolViolation, fmt::format("malformed SCRAM message ({})", detail));
}

std::string printable(char c) {
    if (c == '\0') return "end of string";
    if (is_printable(c)) return {c};
    return fmt::format("0x{:02x}", static_cast<unsigned char>(c));
}

bool is_scram_nonce(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return is_printable(c) && c != ','; });
}

Result<void> check_scram_text(ByteView message) {
    if (message.empty()) return malformed_scram("the message is empty");
    if (message.find('\0') != ByteView::npos)
        return malformed_scram("message length does not match input length");
    return {};
}

Result<std::string_view> ScramReader::value(char name) {
    if (peek() != name) {
        return malformed_scram(
            fmt::format("expected attribute \"{}\" but found \"{}\"", name, printable(peek())));
    }
    return take_value(name);
}

Result<ScramReader::Attribute> ScramReader::any() {
    const char name = peek();
    if (at_end()) return malformed_scram("attribute expected, but found end of string");
    if (!is_letter(name)) {
        return malformed_scram(
            fmt::format("attribute expected, but found invalid character \"{}\"", printable(name)));
    }
    const auto value = take_value(name);
    if (!value) return tl::unexpected(value.error());
    return Attribute{name, *value};
}

// At the attribute's name.
Result<std::string_view> ScramReader::take_value(char name) {
    ++position_;
    if (peek() != '=')
        return malformed_scram(fmt::format("expected character \"=\" for attribute \"{}\"", name));
    ++position_;
    const std::size_t begin = position_;
    const std::size_t end = std::min(message_.find(',', begin), message_.size());
    position_ = std::min(end + 1, message_.size());
    return message_.substr(begin, end - begin);
}

}  // namespace pgpool::auth
