// SPDX-License-Identifier: PostgreSQL
#include "common/base/bytes.h"

#include <endian.h>

#include <cstring>

namespace pgpool {

std::uint16_t load_be16(const char* at) {
    std::uint16_t value = 0;
    std::memcpy(&value, at, sizeof value);
    return be16toh(value);
}

std::uint32_t load_be32(const char* at) {
    std::uint32_t value = 0;
    std::memcpy(&value, at, sizeof value);
    return be32toh(value);
}

void store_be16(char* at, std::uint16_t value) {
    value = htobe16(value);
    std::memcpy(at, &value, sizeof value);
}

void store_be32(char* at, std::uint32_t value) {
    value = htobe32(value);
    std::memcpy(at, &value, sizeof value);
}

void append_be16(std::string& to, std::uint16_t value) {
    char raw[2];
    store_be16(raw, value);
    to.append(raw, sizeof raw);
}

void append_be32(std::string& to, std::uint32_t value) {
    char raw[4];
    store_be32(raw, value);
    to.append(raw, sizeof raw);
}

std::uint8_t Cursor::u8() {
    const ByteView raw = bytes(1);
    return raw.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(raw[0]);
}

std::uint16_t Cursor::u16() {
    const ByteView raw = bytes(2);
    return raw.empty() ? std::uint16_t{0} : load_be16(raw.data());
}

std::uint32_t Cursor::u32() {
    const ByteView raw = bytes(4);
    return raw.empty() ? 0U : load_be32(raw.data());
}

ByteView Cursor::bytes(std::size_t count) {
    if (!ok_ || count > rest_.size()) {
        ok_ = false;
        rest_ = {};
        return {};
    }
    const ByteView taken(rest_.data(), count);
    rest_.remove_prefix(count);
    return taken;
}

ByteView Cursor::c_string() {
    const bool is_empty = rest_.starts_with('\0');  // as most names are: found without a search
    const std::size_t end = is_empty ? 0 : rest_.find('\0');
    if (end == ByteView::npos) {
        ok_ = false;
        rest_ = {};
        return {};
    }
    const ByteView text(rest_.data(), end);
    rest_.remove_prefix(end + 1);
    return text;
}

std::string to_hex(ByteView bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string hex;
    hex.reserve(bytes.size() * 2);
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        hex.push_back(kDigits[byte >> 4U]);
        hex.push_back(kDigits[byte & 15U]);
    }
    return hex;
}

namespace {
int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}
}  // namespace

std::optional<std::string> from_hex(std::string_view hex) {
    if (hex.size() % 2 != 0) return std::nullopt;
    std::string bytes;
    bytes.reserve(hex.size() / 2);
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        const int high = hex_digit(hex[i]);
        const int low = hex_digit(hex[i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        bytes.push_back(static_cast<char>(high * 16 + low));
    }
    return bytes;
}

std::string to_lower_ascii(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return lower;
}

}  // namespace pgpool
