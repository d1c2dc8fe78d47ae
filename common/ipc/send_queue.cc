// SPDX-License-Identifier: PostgreSQL
#include "common/ipc/send_queue.h"

#include <algorithm>
#include <utility>

namespace pgpool::ipc {

bool SendQueue::push(Frame frame) {
    if (frames_.size() >= limits_.messages || bytes_ + frame->size() > limits_.bytes) return false;
    bytes_ += frame->size();
    frames_.push_back(std::move(frame));
    return true;
}

void SendQueue::sent() {
    bytes_ -= frames_.front()->size();
    frames_.pop_front();
    pause_ = kShortestPause;
}

void SendQueue::held_up() {
    pause_ = std::min(pause_ * 2, kLongestPause);
}

void SendQueue::clear() {
    frames_.clear();
    bytes_ = 0;
    pause_ = kShortestPause;
}

}  // namespace pgpool::ipc
