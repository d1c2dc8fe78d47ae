// SPDX-License-Identifier: PostgreSQL
#pragma once

// Roster: which members there are, which of them are in the group, who of them says that it holds the lease,
// and until when. For people and for the way of messages: it decides nothing. Pure.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/boot_clock.h"
#include "common/base/clock.h"
#include "watchdog/group/exchange.h"
#include "watchdog/wire/messages.h"

namespace pgpool::watchdog {

class Roster {
public:
    // Without a word of it for so long a member no longer counts as the holder.
    static constexpr seconds kSilence{2};

    struct Holder {
        std::string name;
        group::Process process;
        std::uint64_t epoch = 0;
        BootTime until;  // as promised_until() of its last sign of life has it; 0: nothing was promised
    };
    // The lease that a member says it holds; epoch 0: none.
    struct Claim {
        std::uint64_t epoch = 0;
        BootTime until{};
    };

    void view_changed(const group::View& view, TimePoint now);
    void lost();
    void told(group::Process from, const group::message::Told& told);
    void refused(group::Process process);  // nobody waits for what it knows
    // A sign of life, with the number that the sender wants back.
    void heard(group::Process from, std::int64_t sent_ns, const Claim& claim, TimePoint now);

    [[nodiscard]] bool is_in(std::string_view name) const;
    [[nodiscard]] std::string name_of(group::Process process) const;  // empty: it has not told
    [[nodiscard]] std::vector<std::string> names() const;             // of those that are in and have told
    [[nodiscard]] std::uint16_t protocol_of(std::string_view name) const;  // 0: not known
    [[nodiscard]] std::optional<Holder> holder(TimePoint now) const;
    // Who held the lease last, as far as members have said, is not in any more.
    [[nodiscard]] bool is_holder_gone() const;
    // The last signs of life of those that are in.
    [[nodiscard]] std::vector<wire::Heard> signs() const;
    // When a member that is not in any more or is refused, the last of them, was heard.
    [[nodiscard]] TimePoint departed_heard() const { return departed_heard_; }

private:
    struct Entry {
        std::string name;
        std::uint16_t protocol = 0;
        std::int64_t sent_ns = 0;
        Claim claim;
        TimePoint heard;
    };
    void departs(const Entry& entry);

    std::map<group::Process, Entry> present_;
    TimePoint departed_heard_;
    std::uint64_t departed_epoch_ = 0;  // the highest that one of them has claimed last
    std::uint64_t claimed_ = 0;         // the highest that anybody has claimed
};

}  // namespace pgpool::watchdog
