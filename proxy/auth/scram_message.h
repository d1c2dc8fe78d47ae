// SPDX-License-Identifier: PostgreSQL
#pragma once

// Reads the attributes of a SCRAM message (RFC 5802 section 7: "a=value,b=value"), with PostgreSQL's rules
// and error texts: an attribute's value ends at the next comma, a comma at the very end is tolerated.

#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/error.h"

namespace pgpool::auth {

// 08P01 "malformed SCRAM message (detail)".
[[nodiscard]] tl::unexpected<Error> malformed_scram(std::string_view detail);

// A byte of the peer for an error text: itself if printable, else hexadecimal; "end of string" is '\0'.
[[nodiscard]] std::string printable(char c);

[[nodiscard]] bool is_scram_nonce(std::string_view text);  // printable ASCII without comma, not empty

// Not empty and no zero byte inside.
[[nodiscard]] Result<void> check_scram_text(ByteView message);

class ScramReader {
public:
    struct Attribute {
        char name = '\0';
        std::string_view value;
    };

    // The views it gives point into `message`.
    explicit ScramReader(ByteView message) : message_(message) {}

    [[nodiscard]] Result<std::string_view> value(char name);  // the next attribute must be this one
    [[nodiscard]] Result<Attribute> any();

    [[nodiscard]] char peek() const { return at_end() ? '\0' : message_[position_]; }
    [[nodiscard]] bool at_end() const { return position_ == message_.size(); }
    [[nodiscard]] std::size_t position() const { return position_; }

private:
    [[nodiscard]] Result<std::string_view> take_value(char name);

    ByteView message_;
    std::size_t position_ = 0;
};

}  // namespace pgpool::auth
