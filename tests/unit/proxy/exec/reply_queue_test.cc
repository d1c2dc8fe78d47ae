// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/reply_queue.h"

#include <gtest/gtest.h>

namespace pgpool::exec {
namespace {

using sql::Leaves;

TEST(ReplyQueue, KnowsWhatMayBeLeftUntilNothingIsOwed) {
    ReplyQueue replies;
    replies.leave(replies.push(Owed::Execute), Leaves::TempObject);
    replies.leave(replies.push(Owed::Execute), Leaves::Listen);
    EXPECT_EQ(replies.leaves(), Leaves::TempObject | Leaves::Listen);
    replies.pop();
    EXPECT_EQ(replies.leaves(), Leaves::TempObject | Leaves::Listen);
    replies.pop();
    EXPECT_EQ(replies.leaves(), Leaves::Nothing);
}

TEST(ReplyQueue, KnowsWhatMayBeLeftBehindACopy) {
    ReplyQueue replies;
    replies.push(Owed::Execute);
    replies.push(Owed::Sync);
    replies.leave(replies.push(Owed::Execute), Leaves::TempObject);
    replies.drop_syncs_before_copy_end();
    EXPECT_EQ(replies.size(), 2U);
    EXPECT_EQ(replies.leaves(), Leaves::TempObject);
    EXPECT_EQ(replies.at(1).leaves, Leaves::TempObject);
}

}  // namespace
}  // namespace pgpool::exec
