// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/reply_queue.h"

#include <utility>

namespace pgpool::exec {

namespace {
bool is_for_client(const Expected& expected) {
    return expected.deliver == Deliver::Forward;
}

bool may_change_meaning(const Marks& marks) {
    return marks.changes_settings || marks.is_ddl;
}
}  // namespace

Expected& ReplyQueue::push(Owed owed, Deliver deliver, Purpose purpose) {
    if (size_ == ring_.size()) grow();
    Expected& slot = at(size_++);
    slot.owed = owed;
    slot.deliver = deliver;
    slot.purpose = purpose;
    slot.undo_client = slot.claims_unnamed = slot.under_own_name = false;
    slot.marks = marks_;
    slot.client_name.clear();
    slot.leaves = sql::Leaves::Nothing;
    changes_meaning_ |= may_change_meaning(marks_) && (owed == Owed::Query || owed == Owed::Execute);
    if (is_for_client(slot)) ++forwarded_;
    return slot;
}

void ReplyQueue::pop() {
    PGPOOL_ASSERT(size_ > 0);
    Expected& slot = head();
    if (is_for_client(slot)) --forwarded_;
    if (slot.statement) slot.statement.reset();
    if (slot.info) slot.info.reset();
    if (slot.executes) slot.executes.reset();
    if (slot.unnamed_before) slot.unnamed_before.reset();
    first_ = (first_ + 1) & (ring_.size() - 1);
    if (--size_ > 0) return;
    leaves_ = sql::Leaves::Nothing;
    changes_meaning_ = false;
}

bool ReplyQueue::may_skip_last() {
    std::size_t before = size_ - 1;
    while (before > 0 && at(before - 1).owed == Owed::Query && at(before - 1).deliver == Deliver::Swallow) {
        --before;
    }
    return before > 0 && !at(before - 1).ends_batch();
}

void ReplyQueue::leave(Expected& first, sql::Leaves leaves) {
    first.leaves = leaves;
    leaves_ = leaves_ | leaves;
}

void ReplyQueue::clear() {
    while (size_ > 0) pop();
}

void ReplyQueue::drop_syncs_before_copy_end() {
    std::vector<Expected> kept;
    bool before_end = true;
    while (size_ > 0) {
        Expected& expected = head();
        if (expected.owed == Owed::CopyEnd) before_end = false;
        if (!(before_end && expected.owed == Owed::Sync)) kept.push_back(std::move(expected));
        pop();
    }
    for (Expected& expected : kept) {
        Expected& slot = push(expected.owed, expected.deliver, expected.purpose);
        slot = std::move(expected);
        leave(slot, slot.leaves);
        changes_meaning_ |= may_change_meaning(slot.marks);
    }
}

void ReplyQueue::grow() {
    std::vector<Expected> larger(ring_.size() * 2);
    for (std::size_t i = 0; i < size_; ++i) larger[i] = std::move(at(i));
    ring_ = std::move(larger);
    first_ = 0;
}

}  // namespace pgpool::exec
