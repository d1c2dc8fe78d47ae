// SPDX-License-Identifier: PostgreSQL
#pragma once

// Reads what an INSERT, UPDATE, DELETE, MERGE or COPY FROM does to its target out of its raw parse tree.
// Private to this folder.

#include <cstdint>
#include <string_view>
#include <vector>

#include "proxy/sql/statement.h"

// PostgreSQL's, see raw_tree.h.
struct CopyStmt;
struct DeleteStmt;
struct InsertStmt;
struct List;
struct MergeStmt;
struct MergeWhenClause;
struct OnConflictClause;
struct RangeVar;
struct UpdateStmt;

namespace pgpool::sql {

// What kind of string literal a node is; None: another node. `sql` is the text that was parsed.
enum class StringLiteral : std::uint8_t { None, Plain, Moving };
[[nodiscard]] StringLiteral string_literal(const void* node, std::string_view sql);

// Whether text that is read as a date is another one tomorrow: it has one of four words.
[[nodiscard]] bool says_moment(std::string_view text);

// Delimiters of COPY that Statement::unusual_fields does not count.
inline constexpr std::string_view kCopyDelimiters = "\t,;|";

// Appends to out.changes. Values that are not settled by it, which the caller is to walk, go to `rest`.
class ChangeReader {
public:
    ChangeReader(std::string_view sql, Statement& out, std::vector<const void*>& rest)
        : sql_(sql), out_(out), rest_(rest) {}

    void insert(const InsertStmt* node, bool in_with);
    void update(const UpdateStmt* node, bool in_with);
    void remove(const DeleteStmt* node, bool in_with);
    void merge(const MergeStmt* node, bool in_with);
    void copy(const CopyStmt* node);

private:
    Change& add(Change::Verb verb, const RangeVar* target, bool in_with);
    void source(Change& change, const InsertStmt* node);
    void rows(Change& change, const List* rows);
    void row(Change& change, const List* values);
    void merge_insert(const MergeWhenClause* node, const RangeVar* target, bool in_with);
    void on_conflict(Change& change, const OnConflictClause* node);
    void assign(Change& change, const List* targets);
    void value(ColumnValue& to, const void* node);
    static void equate(Change& change, const void* where, const RangeVar* target);

    std::string_view sql_;
    Statement& out_;
    std::vector<const void*>& rest_;
};

}  // namespace pgpool::sql
