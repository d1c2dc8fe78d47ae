// SPDX-License-Identifier: PostgreSQL
#pragma once

// ipc_peer (peer.cc) as a child of the test: ends with this object, by itself or killed.

#include <sys/types.h>

#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/unique_fd.h"

namespace pgpool::ipc {

inline constexpr seconds kPatience{20};

class PeerProcess {
public:
    PeerProcess(const std::string& role, const std::string& service,
                const std::vector<std::string>& more = {});
    PeerProcess(const PeerProcess&) = delete;
    PeerProcess& operator=(const PeerProcess&) = delete;
    ~PeerProcess();

    void tell(const std::string& command);
    // The next line that begins so, and what follows there; lines before it are gone. Fails the test if there
    // is none.
    std::string expect(const std::string& beginning, Duration patience = kPatience);
    // Whether such a line comes in this time; lines before it are gone.
    bool comes(const std::string& beginning, Duration patience);
    void signal(int number);  // after SIGSTOP it stands when this returns
    void kill();              // with SIGKILL; returns when the process is gone
    [[nodiscard]] std::size_t open_files() const;
    [[nodiscard]] pid_t pid() const { return pid_; }

private:
    bool next_line(std::string& line, TimePoint deadline);

    pid_t pid_ = -1;
    bool is_stopped_ = false;
    UniqueFd commands_;
    UniqueFd lines_;
    std::string unread_;
};

// A name for the hub that no other test uses.
[[nodiscard]] std::string own_service();

// Entries of /dev/shm that libqb has made for hubs of this process id.
[[nodiscard]] std::size_t shm_entries_of(pid_t hub);

// Whether there are none within kPatience: libqb removes an entry after it has told that the connection is
// closed.
[[nodiscard]] bool shm_entries_vanish_of(pid_t hub);

}  // namespace pgpool::ipc
