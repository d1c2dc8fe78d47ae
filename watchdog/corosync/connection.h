// SPDX-License-Identifier: PostgreSQL
#pragma once

// Connection: one life of the connections to Corosync. Made, joined, dispatched; when anything fails it is of
// no more use. Private to watchdog/corosync. Threads: one.

#include <corosync/cpg.h>
#include <corosync/quorum.h>
#include <corosync/votequorum.h>

#include <optional>
#include <string>

#include "common/base/error.h"
#include "watchdog/corosync/members.h"

namespace pgpool::corosync {

class Connection {
public:
    explicit Connection(MembersListener& listener) : listener_(listener) {}
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection();

    [[nodiscard]] Result<void> open(const std::string& group);
    [[nodiscard]] int members_fd() const { return members_fd_; }
    [[nodiscard]] int quorum_fd() const { return quorum_fd_; }
    // Calls the listener for what has come.
    [[nodiscard]] Result<void> dispatch_members();
    [[nodiscard]] Result<void> dispatch_quorum();
    enum class Sent : std::uint8_t { Yes, Later };
    [[nodiscard]] Result<Sent> send(ByteView bytes);

private:
    friend struct Callbacks;
    void look_at_view();
    void tell_quorum();

    MembersListener& listener_;
    cpg_handle_t members_ = 0;
    quorum_handle_t quorum_ = 0;
    votequorum_handle_t votes_ = 0;
    bool has_members_ = false;
    bool has_quorum_ = false;
    bool has_votes_ = false;
    int members_fd_ = -1;
    int quorum_fd_ = -1;
    group::Process self_;
    std::optional<group::RingId> ring_;
    group::View view_;  // that the listener knows
    std::vector<group::Process> processes_;
    Quorum told_;
};

}  // namespace pgpool::corosync
