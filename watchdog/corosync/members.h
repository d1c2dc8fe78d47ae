// SPDX-License-Identifier: PostgreSQL
#pragma once

// CorosyncMembers: this member's place in the group of all members, through Corosync: closed process groups
// (libcpg, cpg_overview(3)) bring the views and the messages, libquorum and libvotequorum tell what Corosync
// thinks of the votes. That is shown to people and decides nothing: the lease does (docs/adr/0017-lease.md).
//
// A thread of its own waits for Corosync and calls the listener. When Corosync is gone lost() is called, and
// it is tried again twice a second until it is there; then a view comes. send() never waits: messages that
// Corosync does not take yet are kept, up to a thousand; then the group counts as lost and is joined anew,
// since a member that cannot say anything is not one.
//
// Threads: send() any; the listener's functions are called from the thread of this class only.

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "common/base/bytes.h"
#include "common/base/error.h"
#include "common/net/wakeup.h"
#include "watchdog/group/view.h"

namespace pgpool::corosync {

struct Quorum {
    bool is_quorate = false;
    std::uint32_t votes = 0;
    std::uint32_t expected = 0;
    friend bool operator==(const Quorum&, const Quorum&) = default;
};

class MembersListener {
public:
    MembersListener() = default;
    MembersListener(const MembersListener&) = delete;
    MembersListener& operator=(const MembersListener&) = delete;
    virtual ~MembersListener() = default;
    virtual void view_changed(const group::View& view, group::Process self) = 0;
    virtual void delivered(group::Process from, ByteView bytes) = 0;
    virtual void quorum_changed(const Quorum& quorum) = 0;
    virtual void lost(std::string_view reason) = 0;
};

class Connection;

class CorosyncMembers {
public:
    // The listener outlives this. Throws std::system_error if the kernel gives no descriptors.
    CorosyncMembers(std::string group, MembersListener& listener);
    CorosyncMembers(const CorosyncMembers&) = delete;
    CorosyncMembers& operator=(const CorosyncMembers&) = delete;
    ~CorosyncMembers();  // leaves the group

    void start();
    // To all members, ourselves too, in the order that all see. Lost if there is no view.
    void send(std::string bytes);
    // Leaves the group, which counts as lost for this reason, and joins anew. Any thread.
    void rejoin(std::string reason);

private:
    void run();
    void serve(Connection& connection);
    // False: Corosync takes no more for now.
    [[nodiscard]] Result<bool> send_queued(Connection& connection);

    std::string group_;
    MembersListener& listener_;
    net::Wakeup wakeup_;
    std::thread thread_;
    std::mutex mutex_;  // guards what follows
    bool is_stopping_ = false;
    bool is_joined_ = false;
    std::string end_;  // why the group is left; empty: it is not
    std::deque<std::string> queue_;
};

}  // namespace pgpool::corosync
