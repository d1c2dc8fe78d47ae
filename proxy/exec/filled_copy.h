// SPDX-License-Identifier: PostgreSQL
#pragma once

// FilledCopy: the rows of a COPY FROM STDIN on their way to the other nodes, each with what main has filled
// in (replication::CopyPlan). The client's rows are kept until main has told it, one notice for each row, in
// order. Main's notices must be as many as the rows that were found here: else the rows cannot be told apart
// as main does, and nothing is repeated.
//
// Main's values are written as ASCII. Others, NULL, and more than kMostBytes of rows that main has not come
// to, are an obstacle. Pure; one worker only.

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "proxy/exec/copy_bodies.h"
#include "proxy/exec/copy_splitter.h"
#include "proxy/replication/copy_plan.h"

namespace pgpool::exec {

class FilledCopy {
public:
    static constexpr std::size_t kMostBytes = std::size_t{32} << 20U;

    // `is_marked`: see CopySplitter.
    FilledCopy(replication::CopyPlanPtr plan, bool is_marked);

    // Messages of the client from the first CopyData on, cut anywhere.
    void take(ByteView messages);
    // What main tells of the next row: see pgpool_replication.tell().
    void fill(std::string_view told);
    // Main has taken all of it, and inserted the rows.
    void end();

    // CopyData for the others, if there is enough of it; nothing else is to be sent once there is an
    // obstacle. `is_last`: whatever there is.
    [[nodiscard]] std::string take_messages(bool is_last);
    // Why the rows cannot be repeated, in words; empty: they can.
    [[nodiscard]] const std::string& obstacle() const { return obstacle_; }
    [[nodiscard]] const replication::CopyPlan& plan() const { return *plan_; }

private:
    void take_rows(ByteView bytes);
    void find_rows(bool is_all);
    void head(ByteView bytes);
    void write_row(ByteView row, std::string_view values);
    void write_value(const replication::CopyPlan::Column& column, std::string_view value);
    void write_field(std::string_view value);
    void write_integer(const replication::CopyPlan::Column& column, std::string_view value);
    void drop_front(std::size_t size);
    void fail(std::string reason);

    replication::CopyPlanPtr plan_;
    CopyBodies bodies_;
    CopySplitter splitter_;
    std::string held_;  // of the client, from begin_ on: rows that main has not told of, and what follows
    std::size_t begin_ = 0;
    std::size_t looked_ = 0;        // behind the last row that was found
    std::deque<std::size_t> rows_;  // their sizes
    bool has_all_ = false;
    std::string ready_;
    std::string obstacle_;
};

}  // namespace pgpool::exec
