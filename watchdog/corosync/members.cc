// SPDX-License-Identifier: PostgreSQL
#include "watchdog/corosync/members.h"

#include <poll.h>

#include <array>
#include <utility>

#include "watchdog/corosync/connection.h"

namespace pgpool::corosync {

namespace {

constexpr milliseconds kRetry{500};  // a restart of Corosync takes about a second
constexpr int kBlocked = 10;         // milliseconds until a message that was not taken is tried again
constexpr int kPatience = 60'000;    // nothing has to come
constexpr std::size_t kMostQueued = 1000;

}  // namespace

CorosyncMembers::CorosyncMembers(std::string group, MembersListener& listener)
    : group_(std::move(group)), listener_(listener) {}

CorosyncMembers::~CorosyncMembers() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    wakeup_.wake();
    if (thread_.joinable()) thread_.join();
}

void CorosyncMembers::start() {
    thread_ = std::thread([this] { run(); });
}

void CorosyncMembers::send(std::string bytes) {
    {
        const std::lock_guard lock(mutex_);
        if (!is_joined_) return;
        if (queue_.size() >= kMostQueued) end_ = "corosync takes no messages any more";
        if (end_.empty()) queue_.push_back(std::move(bytes));
    }
    wakeup_.wake();
}

void CorosyncMembers::rejoin(std::string reason) {
    {
        const std::lock_guard lock(mutex_);
        end_ = std::move(reason);
    }
    wakeup_.wake();
}

void CorosyncMembers::run() {
    while (true) {
        {
            const std::lock_guard lock(mutex_);
            if (is_stopping_) return;
        }
        Connection connection(listener_);
        const auto opened = connection.open(group_);
        if (opened)
            serve(connection);
        else
            listener_.lost(opened.error().message);
        {
            const std::lock_guard lock(mutex_);
            is_joined_ = false;
            end_.clear();
            queue_.clear();
        }
        wakeup_.wait({}, kRetry);
    }
}

// Until it is lost, or we stop.
void CorosyncMembers::serve(Connection& connection) {
    {
        const std::lock_guard lock(mutex_);
        is_joined_ = true;
    }
    int patience = 0;
    while (true) {
        std::array<pollfd, 3> ready{pollfd{connection.members_fd(), POLLIN, 0},
                                    pollfd{connection.quorum_fd(), POLLIN, 0},
                                    pollfd{wakeup_.fd(), POLLIN, 0}};
        ::poll(ready.data(), ready.size(), patience);
        if (ready[2].revents != 0) wakeup_.drain();
        Result<void> went;
        if (ready[0].revents != 0) went = connection.dispatch_members();
        if (went && ready[1].revents != 0) went = connection.dispatch_quorum();
        Result<bool> is_sent = went ? send_queued(connection) : Result<bool>(tl::unexpected(went.error()));
        if (!is_sent) return listener_.lost(is_sent.error().message);
        patience = *is_sent ? kPatience : kBlocked;
        const std::lock_guard lock(mutex_);
        if (is_stopping_) return;
    }
}

Result<bool> CorosyncMembers::send_queued(Connection& connection) {
    while (true) {
        std::string first;
        {
            const std::lock_guard lock(mutex_);
            if (!end_.empty()) return fail(sqlstate::kSystemError, end_);
            if (queue_.empty()) return true;
            first = queue_.front();
        }
        const auto sent = connection.send(first);
        if (!sent) return tl::unexpected(sent.error());
        if (*sent == Connection::Sent::Later) return false;
        const std::lock_guard lock(mutex_);
        queue_.pop_front();
    }
}

}  // namespace pgpool::corosync
