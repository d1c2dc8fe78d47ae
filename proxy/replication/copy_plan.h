// SPDX-License-Identifier: PostgreSQL
#pragma once

// CopyPlan: a COPY FROM STDIN that leaves out columns which main alone can fill (a sequence, now(), a random
// number). Main executes the client's COPY with a WHERE that tells, for each row, what it has filled in
// (pgpool_replication.tell) and is always true: so what main does, and says, is what it would do without. The
// others execute a COPY of these columns too, with main's values before the client's in each row
// (exec::FilledCopy). A pure function of the statement and the facts of its database.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/sql/catalog_facts.h"
#include "proxy/sql/statement.h"

namespace pgpool::replication {

struct CopyPlan {
    struct Column {
        std::string name;
        std::size_t size = 0;  // bytes of an integer, for the binary format; 0: it is none
        friend bool operator==(const Column&, const Column&) = default;
    };
    std::vector<Column> columns;     // that main fills, in the order of the table
    std::vector<std::string> moved;  // sequences that main draws from, as SQL
    sql::CopyRows rows;
    friend bool operator==(const CopyPlan&, const CopyPlan&) = default;
};

using CopyPlanPtr = std::shared_ptr<const CopyPlan>;

// Adds a column that the statement leaves out. Returns why main's values of it cannot be given to the others,
// in words; empty: they can.
[[nodiscard]] std::string add_column(CopyPlan& plan, const sql::ColumnFacts& column);

// Of the whole statement; the same. `is_one`: there is only one table of that name.
[[nodiscard]] std::string obstacle_to_filling(const sql::CopyRows& rows, bool is_one);

// The text of the COPY for main; no error of it points to another place than without.
[[nodiscard]] std::string with_telling(std::string_view sql, const CopyPlan& plan);
// ... and for the others.
[[nodiscard]] std::string with_columns(std::string_view sql, const CopyPlan& plan);

// Whether a character of that encoding may hold bytes that read as others: a backslash, a delimiter. By any
// of its names.
[[nodiscard]] bool hides_ascii(std::string_view encoding);

[[nodiscard]] bool same_filling(const CopyPlanPtr& one, const CopyPlanPtr& other);

}  // namespace pgpool::replication
