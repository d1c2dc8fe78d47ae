// SPDX-License-Identifier: PostgreSQL
#pragma once

// Roster: which members there are, which of them are in the group, and who of them says that it holds the
// lease. For people and for the way of messages: it decides nothing. Pure.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "watchdog/group/exchange.h"

namespace pgpool::watchdog {

class Roster {
public:
    // Without a word of it for so long a member no longer counts as the holder.
    static constexpr seconds kSilence{2};

    struct Holder {
        std::string name;
        group::Process process;
        std::uint64_t epoch = 0;
    };

    void view_changed(const group::View& view);
    void lost();
    void told(group::Process from, const group::message::Told& told);
    // A sign of life; epoch: of the lease that the member says it holds, 0 for none.
    void heard(group::Process from, std::uint64_t epoch, TimePoint now);

    [[nodiscard]] bool is_in(std::string_view name) const;
    [[nodiscard]] std::string name_of(group::Process process) const;  // empty: it has not told
    [[nodiscard]] std::vector<std::string> names() const;             // of those that are in and have told
    [[nodiscard]] std::uint16_t protocol_of(std::string_view name) const;  // 0: not known
    [[nodiscard]] std::optional<Holder> holder(TimePoint now) const;

private:
    struct Entry {
        std::string name;
        std::uint16_t protocol = 0;
        std::uint64_t epoch = 0;
        TimePoint heard;
    };
    std::map<group::Process, Entry> present_;
};

}  // namespace pgpool::watchdog
