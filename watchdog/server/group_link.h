// SPDX-License-Identifier: PostgreSQL
#pragma once

// GroupLink: this member's way to the group. Views and messages come as events. Of the members of an
// appliance it is Corosync's; a member alone is a group of one, in which every message comes back.

#include <memory>
#include <string>

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

// The inbox outlives them.
[[nodiscard]] std::unique_ptr<GroupLink> group_of_one(Inbox& inbox);
[[nodiscard]] std::unique_ptr<GroupLink> group_by_corosync(Inbox& inbox);

}  // namespace pgpool::watchdog
