// SPDX-License-Identifier: PostgreSQL
#pragma once

// Exchange: how the members of a group come to hold the same cluster state, durably. A machine without IO:
// what the group delivers goes in, what is to be sent and written comes out.
//
// When the view changes every member tells what it has. Once all have told, the latest record wins; whoever
// has less writes it. In between the decider proposes later records; each member writes what is later than
// its own and confirms it. A record is durable when every member of the view has confirmed it or a later one.
// Which member may propose is the lease's matter: of two that do, the one with the higher epoch wins.
//
// Invariants:
//   1. What a member has written never gets an earlier stamp.
//   2. Durable is said of a record only if each member that counts has it, or a later one, on disk.
//   3. Synced is said only when the latest record that any member that counts has told of is written here.
// They rest on what Corosync's CPG promises (cpg_overview(3)): members that go through the same two views get
// the same messages in the same order in between. It does not promise that a message which came back to its
// sender has come to the others: therefore the confirmations.
//
// Who counts: all members of the view but for those that
//   * speak another protocol, or have another value of a parameter that must agree, than the first of the
//     view (who was in sync before, then who has the latest record, then the lowest node), or have the name
//     of one that comes before them in that order. They are refused by name, each of them knows it of itself,
//     and must not decide;
//   * do not answer, as the caller says (ignore()), until they confirm the latest record.
// Threads: one.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "watchdog/group/stamp.h"
#include "watchdog/group/view.h"

namespace pgpool::group {

// Of these messages, in this source. Members of N and N + 1 go together.
inline constexpr std::uint16_t kNewestProtocol = 1;
// What this program speaks: kNewestProtocol, but for those that tests/versions links with another one.
extern const std::uint16_t kProtocol;

// A parameter that must be the same on all members.
struct Agreed {
    std::string name;
    std::string value;
    friend bool operator==(const Agreed&, const Agreed&) = default;
};

namespace message {
// What a member is and has; once in each view, and again when a reload has changed what must agree.
struct Told {
    View view;
    std::uint16_t protocol = kProtocol;
    std::string name;  // of the member
    std::vector<Agreed> agreed;
    bool was_synced = false;  // in an earlier view of this process
    Record latest;            // that it knows
    Stamp on_disk;
    friend bool operator==(const Told&, const Told&) = default;
};
struct Proposed {
    Record record;
    friend bool operator==(const Proposed&, const Proposed&) = default;
};
struct Confirmed {
    Stamp stamp;
    friend bool operator==(const Confirmed&, const Confirmed&) = default;
};
}  // namespace message
using Message = std::variant<message::Told, message::Proposed, message::Confirmed>;

namespace action {
struct Send {
    Message message;
};
struct Write {  // one after the other, then written()
    Record record;
};
struct Synced {};  // latest() is what the group has, and is on disk
struct Durable {   // with every member that counts
    Stamp stamp;
};
struct Refused {
    Process process;
    std::string name;
    std::string reason;
};
}  // namespace action
using Action = std::variant<action::Send, action::Write, action::Synced, action::Durable, action::Refused>;
using Actions = std::vector<Action>;

class Exchange {
public:
    // `record` is what the disk holds.
    Exchange(std::string name, std::vector<Agreed> agreed, Record record);

    // REQUIRES: `self` is in the view.
    [[nodiscard]] Actions view_changed(const View& view, Process self);
    // REQUIRES: `from` is in the view.
    [[nodiscard]] Actions delivered(Process from, const Message& message);
    [[nodiscard]] Actions written(Stamp stamp);
    // After a reload. The group is told, and judges at once: who has changed is measured by those that were
    // found fit before; if there are none, they by it.
    [[nodiscard]] Actions set_agreed(std::vector<Agreed> agreed);
    // It does not answer.
    [[nodiscard]] Actions ignore(Process process);
    // The decider's next record. Nothing: it is not in sync, or knows of a later one.
    [[nodiscard]] Actions propose(Record record) const;

    [[nodiscard]] bool is_synced() const { return is_synced_; }
    [[nodiscard]] const Record& latest() const { return latest_; }  // known, maybe not written yet
    [[nodiscard]] Stamp on_disk() const { return on_disk_; }
    [[nodiscard]] const View& view() const { return view_; }
    // The name under which a process was found to be a member: in this view or, until all have told in it, in
    // the one before. Empty: it was not, and nothing that it says counts but for these messages.
    [[nodiscard]] std::string_view member_of(Process process) const;
    [[nodiscard]] std::vector<std::string> members() const;
    // Why a process of the view must not decide with the others; empty: it may, or is not in the view.
    [[nodiscard]] std::string_view refusal_of(Process process) const;
    [[nodiscard]] std::string_view refusal_of(std::string_view name) const;  // of one with this name
    // Of the view those that count and have not confirmed the latest record.
    [[nodiscard]] std::vector<Process> awaited() const;
    // It counts, and has confirmed the latest record in this view.
    [[nodiscard]] bool has_latest(Process process) const;

private:
    struct Peer {
        std::optional<message::Told> told;  // in this view
        Stamp confirmed;
        std::string member;   // as member_of()
        std::string refusal;  // why; empty: it is not refused
        bool is_ignored = false;
        [[nodiscard]] bool is_refused() const { return !refusal.empty(); }
        [[nodiscard]] bool counts() const { return !is_refused() && !is_ignored; }
    };

    void learn(const Record& record, Actions& actions);
    void confirm(Peer& peer, Stamp stamp);
    void look(Actions& actions);
    using Order = std::vector<std::pair<Process, Peer*>>;
    [[nodiscard]] action::Send tell() const;
    void judge(const Order& all, Actions& actions);
    void judge(Process process, Peer& peer, Actions& actions);
    void take_over(const Peer& peer, Actions& actions);
    [[nodiscard]] std::string objection(const message::Told& told) const;
    [[nodiscard]] bool have_all_told() const;
    [[nodiscard]] Order in_order();
    [[nodiscard]] Order in_order_after(Process changed);
    void say_durable(Actions& actions);

    std::string name_;
    std::vector<Agreed> agreed_;
    Record latest_;
    Stamp on_disk_;
    View view_;
    Process self_;
    std::map<Process, Peer> peers_;       // of the view
    std::optional<message::Told> first_;  // that the others must be like; once all have told
    Stamp needed_;                        // the latest that was told of then
    bool is_synced_ = false;
    bool was_synced_ = false;
    Stamp durable_;  // was said in this view
};

}  // namespace pgpool::group
