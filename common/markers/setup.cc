// SPDX-License-Identifier: PostgreSQL
#include "common/markers/setup.h"

namespace pgpool::markers {

extern const std::string_view kSetupText;  // of setup.sql, which the build embeds

std::string setup_sql(std::uint32_t slots) {
    constexpr std::string_view kSlots = ":slots";
    std::string text(kSetupText);
    text.replace(text.find(kSlots), kSlots.size(), std::to_string(slots));
    return text;
}

bool needs_token(std::string_view statement) {
    return statement == kMove || statement == kAdvance || statement == kLockTables ||
           statement == kLockSources;
}

}  // namespace pgpool::markers
