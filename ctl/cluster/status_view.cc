// SPDX-License-Identifier: PostgreSQL
#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "ctl/cluster/fields.h"
#include "ctl/cluster/views.h"

namespace pgpool::ctl {

namespace {

void add_line(std::string& out, const char* label, const std::string& text) {
    out += fmt::format("{:<12} {}\n", label, text);
}

std::string remaining_text(const Json& lease) {
    const auto left = number_of(lease, "remaining_ms");
    if (!left) return "";
    return *left > 0 ? fmt::format(", {:.1f} s left", static_cast<double>(*left) / 1000.0)
                     : std::string(", its time is over");
}

// Nobody who decides is heard: what is told of roles and nodes may be from before.
bool is_outdated(const Json& status) {
    return text_of(member_of(status, "lease"), "holder") == "-";
}

// What this member is, in an operator's words; the states are those of watchdog/lease/events.h.
std::string part_text(const Json& status) {
    const std::string state = text_of(member_of(status, "lease"), "state");
    if (state == "Holder") return "decides";
    if (state == "Offering" || state == "Releasing") return "hands over";
    if (state == "Follower") return "keeps out";
    const bool is_near = state == "Waiting" || state == "Confirming";
    if (!is_near && state != "Acquiring" && state != "Resting") return state;
    if (!is_outdated(status)) return "in reserve";
    // It waits because votes are missing, or a member that is not heard has them.
    return is_near ? "takes over" : "waits for the lease";
}

std::string holder_text(const Json& status) {
    const Json& lease = member_of(status, "lease");
    if (is_outdated(status)) return "nobody is heard that decides; this member: " + part_text(status);
    return fmt::format("{}{}, epoch {}; this member: {}", text_of(lease, "holder"), remaining_text(lease),
                       text_of(status, "epoch"), part_text(status));
}

// What is wrong with this member's hearing, and what to do; empty: it hears others, or there are none.
std::string trouble_text(const Json& status) {
    const Json& group = member_of(status, "group");
    if (const std::string since = text_of(group, "lost_since"); since != "-")
        return fmt::format(
            "Corosync does not answer here since {} ({}): nothing is decided by this member; systemctl "
            "restart corosync",
            since, text_of(group, "reason"));
    const auto& members = list_of(status, "members");
    const bool hears_one = std::ranges::any_of(
        members, [](const Json& member) { return !is_true(member, "is_self") && is_true(member, "is_in"); });
    if (members.size() < 2 || hears_one) return "";
    return "this member hears no other: look at its network, and whether the others run";
}

std::string votes_text(const Json& votes) {
    std::string reached;
    std::string missing;
    for (const Json& voter : list_of(votes, "voters")) {
        std::string& list = is_true(voter, "is_reached") ? reached : missing;
        const auto count = number_of(voter, "votes").value_or(1);
        list += fmt::format(" {}{}", text_of(voter, "name"), count == 1 ? "" : fmt::format("*{}", count));
    }
    return fmt::format("{} of {} for the lease:{}; {} needed{}{}", text_of(votes, "reached"),
                       text_of(votes, "total"), reached.empty() ? " none" : reached, text_of(votes, "needed"),
                       missing.empty() ? "" : "; missing:", missing);
}

std::string vip_text(const Json& vip) {
    const std::string member = text_of(vip, "member");
    return fmt::format("{} on {}: {}{}", text_of(vip, "address"), text_of(vip, "device"),
                       text_of(vip, "phase"), member == "-" ? "" : " by " + member);
}

std::string members_text(const Json& status) {
    std::string text;
    for (const Json& member : list_of(status, "members")) {
        std::string notes = is_true(member, "is_self") ? "this" : "";
        if (!is_true(member, "is_in")) notes += notes.empty() ? "not heard" : ", not heard";
        const std::string refused = text_of(member, "refused");
        if (refused != "-") notes += (notes.empty() ? "refused: " : ", refused: ") + refused;
        text += fmt::format("{}{}{}", text.empty() ? "" : ", ", text_of(member, "name"),
                            notes.empty() ? "" : " (" + notes + ")");
    }
    return text.empty() ? "-" : text;
}

std::string quorum_text(const Json& quorum) {
    return fmt::format("{} of {} votes in Corosync, {}; it decides nothing", text_of(quorum, "votes"),
                       text_of(quorum, "expected"),
                       is_true(quorum, "is_quorate") ? "quorate" : "not quorate");
}

std::string programs_text(const Json& status) {
    std::string text;
    for (const Json& program : list_of(status, "programs")) {
        text += fmt::format("{}{} (pid {}, since {})", text.empty() ? "" : ", ", text_of(program, "program"),
                            text_of(program, "pid"), text_of(program, "since"));
    }
    return text.empty() ? "none" : text;
}

std::optional<std::string> lag_text(const Json& node) {
    const auto lag = number_of(node, "lag_bytes");
    if (!lag) return std::nullopt;
    return size_text(*lag);
}

Table node_table(const Json& status) {
    Table table{{{"node"},
                 {"role"},
                 {"standing"},
                 {"lag", true},
                 {"timeline", true},
                 {"seen by"},
                 {"address"},
                 {"reason"}},
                {}};
    for (const Json& node : list_of(status, "nodes")) {
        table.rows.push_back({text_of(node, "name"), text_of(node, "role"), text_of(node, "standing"),
                              lag_text(node), text_of(node, "timeline"), words_of(node, "seen_by"),
                              text_of(node, "host") + ":" + text_of(node, "port"), text_of(node, "reason")});
    }
    return table;
}

}  // namespace

std::string size_text(std::int64_t bytes) {
    constexpr std::array<const char*, 5> kUnits{"B", "kB", "MB", "GB", "TB"};
    if (bytes < 1024) return bytes == 0 ? "0" : fmt::format("{} B", bytes);
    auto size = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (size >= 1024 && unit + 1 < kUnits.size()) {
        size /= 1024;
        ++unit;
    }
    return fmt::format("{:.1f} {}", size, kUnits[unit]);  // NOLINT(*-constant-array-index): below its size
}

std::string status_text(const Json& status) {
    std::string out;
    for (const Json& vip : list_of(status, "vips")) add_line(out, "virtual", vip_text(vip));
    add_line(out, "decides", holder_text(status));
    if (const std::string trouble = trouble_text(status); !trouble.empty()) add_line(out, "here", trouble);
    if (const Json& votes = member_of(status, "votes"); votes.is_object())
        add_line(out, "votes", votes_text(votes));
    const char* age = is_outdated(status) ? " (as last known)" : "";
    add_line(out, "phase", fmt::format("{}: {}{}", text_of(status, "phase"), text_of(status, "reason"), age));
    add_line(out, "waits for", text_of(status, "waiting_for"));
    if (const Json& maintenance = member_of(status, "maintenance"); maintenance.is_object()) {
        add_line(out, "maintenance",
                 fmt::format("until {}: {}", text_of(maintenance, "until"), text_of(maintenance, "reason")));
    }
    if (const Json& pause = member_of(status, "pause"); pause.is_object()) {
        add_line(out, "paused",
                 fmt::format("until {}: {}; transactions under way: {}", text_of(pause, "until"),
                             text_of(pause, "reason"), text_of(pause, "under_way")));
    }
    add_line(out, "primary", text_of(status, "primary") + age);
    add_line(out, "members", members_text(status));
    if (const Json& quorum = member_of(status, "quorum"); quorum.is_object())
        add_line(out, "quorum", quorum_text(quorum));
    add_line(out, "programs", programs_text(status));
    if (list_of(status, "nodes").empty()) return out;
    return out + (is_outdated(status) ? "\nRoles and standings as last known:\n" : "\n") +
           render(node_table(status));
}

}  // namespace pgpool::ctl
