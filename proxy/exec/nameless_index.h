// SPDX-License-Identifier: PostgreSQL
#pragma once

// CREATE INDEX CONCURRENTLY without a name that fails on one node and is tried again there: what it has left
// behind is an invalid index of its table that was not there before. Pure: SQL for one session of that node.

#include <string>
#include <string_view>

namespace pgpool::exec {

// `table` as SQL. Before the first attempt:
[[nodiscard]] std::string note_invalid_indexes(std::string_view table);

// Behind one that has failed. The lock waits for who builds another one at that time; that is valid then.
[[nodiscard]] std::string drop_new_invalid_indexes(std::string_view table);

}  // namespace pgpool::exec
