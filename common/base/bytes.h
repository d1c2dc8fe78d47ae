// SPDX-License-Identifier: PostgreSQL
#pragma once

// Bytes on the wire: big-endian integers, zero-terminated strings, a reading cursor.
//
// ByteView is std::string_view: libraries around us (libpq, OpenSSL through a cast, fmt) take characters, and
// a second byte type would only add casts. A view never owns; who stores one says how long it stays valid.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pgpool {

using ByteView = std::string_view;

[[nodiscard]] std::uint16_t load_be16(const char* at);
[[nodiscard]] std::uint32_t load_be32(const char* at);
void store_be16(char* at, std::uint16_t value);
void store_be32(char* at, std::uint32_t value);
void append_be16(std::string& to, std::uint16_t value);
void append_be32(std::string& to, std::uint32_t value);

// Reads fields from a message body. Running over the end is not an exception: the cursor turns bad, every
// later read gives a zero value, and the caller asks ok() once at the end.
class Cursor {
public:
    explicit Cursor(ByteView body) : rest_(body) {}

    std::uint8_t u8();
    std::uint16_t u16();
    std::uint32_t u32();
    std::int32_t i32() { return static_cast<std::int32_t>(u32()); }
    ByteView bytes(std::size_t count);
    ByteView c_string();  // without its zero; bad if there is none

    [[nodiscard]] ByteView rest() const { return rest_; }
    [[nodiscard]] bool ok() const { return ok_; }
    [[nodiscard]] bool at_end() const { return ok_ && rest_.empty(); }

private:
    ByteView rest_;
    bool ok_ = true;
};

[[nodiscard]] std::string to_hex(ByteView bytes);  // lower case
[[nodiscard]] std::optional<std::string> from_hex(std::string_view hex);
[[nodiscard]] std::string to_lower_ascii(std::string_view text);

}  // namespace pgpool
