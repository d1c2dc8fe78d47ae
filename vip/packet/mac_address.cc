// SPDX-License-Identifier: PostgreSQL
#include "vip/packet/mac_address.h"

#include <fmt/core.h>

#include <algorithm>

#include "common/base/error.h"

namespace pgpool::vip {

MacAddress MacAddress::from_bytes(ByteView bytes) {
    MacAddress address;
    PGPOOL_ASSERT(bytes.size() == address.bytes_.size());
    std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
    return address;
}

std::string MacAddress::text() const {
    std::string text;
    for (const char byte : bytes_)
        text += fmt::format("{}{:02x}", text.empty() ? "" : ":", static_cast<unsigned char>(byte));
    return text;
}

}  // namespace pgpool::vip
