// SPDX-License-Identifier: PostgreSQL
#pragma once

// ImagePlan: how the rows that one node has written come to the others as values, whatever made that node
// choose and compute them. The node executes the statement with RETURNING of `returned`; the others execute
// `repeat_all` once, or `repeat` for each row, with its values as parameters. A pure function of the
// statement and the facts of its database; nothing is executed here.
//
// Behind the columns of `returned` comes one that tells what the values rest on (value_text.h, and the
// number of the table's columns where `columns` is not 0).
//
// An UPDATE or DELETE travels by a key that it keeps: the columns of the key and the new values of those that
// it assigns. Row locks order it: the others repeat after the first node has the rows locked. An INSERT
// travels with all columns; with ON CONFLICT DO UPDATE it stays one, by the same key, that assigns what was
// there in the end. A SELECT of nextval() has no rows that travel, but moves the sequence. What triggers may
// have changed travels too, see trigger_plan.h.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/sql/catalog_facts.h"
#include "proxy/sql/statement.h"

namespace pgpool::replication {

struct ImagePlan {
    // One that fills a column and moves on the node that executes; it must follow on the others.
    struct Sequence {
        std::size_t at = 0;  // of its column in `returned`
        std::string column;  // not quoted
        bool falls = false;  // it counts down
    };
    // A statement that holds the rows which a foreign key refers to. REQUIRES: values as for `repeat_all`.
    struct Hold {
        std::vector<std::size_t> at;  // its parameters, in `returned`
        std::string sql;              // gives a row for each of main's
    };
    std::vector<std::string> returned;  // as RETURNING reads them
    std::size_t extra = 0;              // of these, at the end: for `holds` only
    std::size_t columns = 0;            // of the table, where more would matter; 0: they would not
    std::string repeat;                 // of one row; $1 is the first of `returned`
    // Of all rows in one statement, as main had them: what is checked at its end is checked there too. $1 is
    // an array of text with the first column of all rows. Empty: it cannot be told so.
    std::string repeat_all;
    bool is_quiet = false;  // both must be executed with triggers kept quiet, and `holds` after them
    std::vector<Hold> holds;
    std::string one_by_one;  // why rows must not be repeated one by one, in words; empty: they may be
    std::string tag;         // of what repeats them, without the count
    std::string target;      // the table as SQL
    std::vector<Sequence> sequences;
    std::vector<std::string> moved;  // names of those that follow to where main's are
    std::vector<std::string> set;    // of them, those that setval() may have set back
    bool client_returns = false;     // the statement has RETURNING itself

    [[nodiscard]] bool draws() const { return !sequences.empty() || !moved.empty(); }
    // Columns of the first node's answer that are not the client's.
    [[nodiscard]] std::size_t added() const { return repeat.empty() ? 0 : returned.size() + 1; }
};

using ImagePlanPtr = std::shared_ptr<const ImagePlan>;

// ON CONFLICT names this key.
[[nodiscard]] bool is_arbiter(const sql::Change& change, const sql::UniqueKey& key);

// null: there is none, because the statement writes several tables or by no key that stays, or the columns
// are not known for sure.
[[nodiscard]] ImagePlanPtr plan_images(const sql::Statement& statement, const sql::CatalogFacts& facts);

// Both null, or plans by which the same would travel.
[[nodiscard]] bool same_effect(const ImagePlanPtr& one, const ImagePlanPtr& other);

// The text of the statement, which ends with its last token, with what the plan wants returned; `as_text`: as
// text even if the client wants all in binary.
[[nodiscard]] std::string with_returning(std::string_view sql, const ImagePlan& plan, bool as_text = false);

}  // namespace pgpool::replication
