// SPDX-License-Identifier: PostgreSQL
#include "common/markers/two_phase.h"

#include <algorithm>
#include <charconv>

namespace pgpool::markers {

namespace {

constexpr std::string_view kPrefix = "pgpool_";

template <typename T>
bool read_all(std::string_view text, T& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && value >= 0;
}

std::int64_t highest_in(const Prepared& prepared, const AllSequences& nodes) {
    std::int64_t highest = 0;
    for (const auto& [node, databases] : nodes) {
        const auto slots = databases.find(prepared.database);
        if (slots == databases.end()) continue;
        const auto slot = slots->second.find(prepared.slot);
        if (slot != slots->second.end()) highest = std::max(highest, slot->second);
    }
    return highest;
}

}  // namespace

std::string gid_of(std::uint64_t slot, std::uint64_t sequence) {
    return std::string(kPrefix) + std::to_string(slot) + "_" + std::to_string(sequence);
}

std::optional<Prepared> read_gid(std::string_view gid) {
    if (!gid.starts_with(kPrefix)) return std::nullopt;
    gid.remove_prefix(kPrefix.size());
    const std::size_t end = gid.find('_');
    if (end == std::string_view::npos) return std::nullopt;
    Prepared found;
    if (!read_all(gid.substr(0, end), found.slot) || !read_all(gid.substr(end + 1), found.sequence))
        return std::nullopt;
    return found;
}

Fate fate_of(const Prepared& prepared, const AllSequences& nodes) {
    const std::int64_t highest = highest_in(prepared, nodes);
    if (highest == prepared.sequence) return Fate::Commit;
    return highest < prepared.sequence ? Fate::RollBack : Fate::Unknown;
}

}  // namespace pgpool::markers
