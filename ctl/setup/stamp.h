// SPDX-License-Identifier: PostgreSQL
#pragma once

// The first lines of a file that pgpool-ctl has written: they say so, and by a checksum of the rest whether
// somebody has changed it since. Pure.

#include <cstdint>
#include <string>

namespace pgpool::ctl {

// The text below a stamp.
[[nodiscard]] std::string stamped(const std::string& text, const std::string& made_from);

enum class Origin : std::uint8_t {
    Ours,     // as it was written
    Changed,  // written by us, changed by somebody
    Foreign,
};
[[nodiscard]] Origin origin_of(const std::string& file);

// Without the stamp, if there is one.
[[nodiscard]] std::string unstamped(const std::string& file);

}  // namespace pgpool::ctl
