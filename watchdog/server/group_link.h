// SPDX-License-Identifier: PostgreSQL
#pragma once

// GroupLink: this member's way to the group. Views and messages come as events. Of the members of an
// appliance it is Corosync's; a member alone is a group of one, in which every message comes back.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "watchdog/server/event.h"

namespace pgpool::watchdog {

class GroupLink {
public:
    GroupLink() = default;
    GroupLink(const GroupLink&) = delete;
    GroupLink& operator=(const GroupLink&) = delete;
    virtual ~GroupLink() = default;
    virtual void start() = 0;  // once
    // To all, ourselves too; lost if there is no view. Does not wait.
    virtual void send(std::string bytes) = 0;
};

// What a group tells, as events. A message for which there is no room leads to a new join: nothing of a group
// may be missing in between, so what follows is dropped until a view begins, which all that count is told
// anew in. `rejoin` is called once for each view. Threads: that of the group.
class Deliveries final : public corosync::MembersListener {
public:
    Deliveries(Inbox& inbox, std::function<void(std::string reason)> rejoin);
    void view_changed(const group::View& view, group::Process self) override;
    void delivered(group::Process from, ByteView bytes) override;
    void quorum_changed(const corosync::Quorum& quorum) override;
    void lost(std::string_view reason) override;

private:
    Inbox& inbox_;
    std::function<void(std::string reason)> rejoin_;
    bool has_gap_ = false;
};

// The inbox outlives them.
[[nodiscard]] std::unique_ptr<GroupLink> group_of_one(Inbox& inbox);
[[nodiscard]] std::unique_ptr<GroupLink> group_by_corosync(Inbox& inbox);

}  // namespace pgpool::watchdog
