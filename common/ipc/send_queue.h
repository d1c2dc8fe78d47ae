// SPDX-License-Identifier: PostgreSQL
#pragma once

// SendQueue: frames that a socket did not take yet, within a bound, and when to try again. Values only; the
// caller guards it against other threads. A peer that is stopped costs a retry every kLongestPause, not a
// busy loop: libqb does not give its sending socket to poll.

#include <cstddef>
#include <deque>

#include "common/base/clock.h"
#include "common/ipc/frame.h"

namespace pgpool::ipc {

struct SendLimits {
    std::size_t messages = 1024;
    std::size_t bytes = 8UL * 1024 * 1024;
};

class SendQueue {
public:
    static constexpr milliseconds kShortestPause{1};
    static constexpr milliseconds kLongestPause{50};

    explicit SendQueue(SendLimits limits) : limits_(limits) {}

    // False, and nothing is queued, beyond the bound.
    [[nodiscard]] bool push(Frame frame);
    [[nodiscard]] bool empty() const { return frames_.empty(); }
    [[nodiscard]] std::size_t size() const { return frames_.size(); }
    [[nodiscard]] const Frame& front() const { return frames_.front(); }
    void sent();     // the front is gone
    void held_up();  // the socket did not take it: the pause doubles
    void clear();
    [[nodiscard]] milliseconds pause() const { return pause_; }

private:
    SendLimits limits_;
    std::deque<Frame> frames_;
    std::size_t bytes_ = 0;
    milliseconds pause_ = kShortestPause;
};

}  // namespace pgpool::ipc
