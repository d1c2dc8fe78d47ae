// SPDX-License-Identifier: PostgreSQL
#pragma once

// A table as it is compared, and the SQL that compares it. Pure.
//
// With a primary key: in chunks by its order, the bounds being keys of the first node. Without one: as a
// multiset of rows, counted by the hash of their text.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/pg/rows.h"
#include "ctl/verify/contents.h"

namespace pgpool::ctl::verify {

struct KeyColumn {
    std::string name;
    std::string type;             // as format_type() spells it
    std::string operator_schema;  // of the operators that its index uses
};

struct Table {
    std::string schema;
    std::string name;
    std::uint64_t estimated_rows = 0;
    std::vector<KeyColumn> key;  // empty: none that chunks could be made by
    std::string source;          // what stands behind FROM, without alias; empty: the table itself

    [[nodiscard]] std::string label() const;  // quoted only where it must be
    [[nodiscard]] std::vector<std::string> key_names() const;
};

enum class Unlogged : std::uint8_t { Included, LeftOut };  // standbys do not have their contents

// In this order: schema, table, estimated rows, then the columns of the key, a row for each.
[[nodiscard]] std::string tables_query(Unlogged unlogged);
[[nodiscard]] std::vector<Table> tables_of(const pg::Rows& rows);

// Large objects with owner, rights and all pages, as if they were a table with the key loid.
[[nodiscard]] Table large_objects();

// A half-open range of keys: lower < key <= upper.
struct Range {
    std::optional<Key> lower;
    std::optional<Key> upper;
};

// Statements and the values of their parameters.
struct Statement {
    std::string sql;
    std::vector<std::optional<std::string>> parameters;
};

// --- with a key ---
// The last key of a chunk that begins behind `lower`; no row: the chunk goes to the end.
[[nodiscard]] Statement boundary(const Table& table, const std::optional<Key>& lower, std::uint32_t chunk);
// count, digest
[[nodiscard]] Statement range_digest(const Table& table, const Range& range);
// columns of the key, digest of the row
[[nodiscard]] Statement range_rows(const Table& table, const Range& range);
[[nodiscard]] Statement rows_of_keys(const Table& table, const std::vector<Suspect>& keys);

// --- without: rows fall into buckets by their hash; `buckets` is a power of two ---
// bucket, count, digest
[[nodiscard]] Statement bucket_digests(const Table& table, std::uint32_t buckets);
// hash, count of the rows that have it
[[nodiscard]] Statement bucket_rows(const Table& table, std::uint32_t buckets,
                                    const std::vector<Suspect>& wanted);
// The beginning of a row's text.
[[nodiscard]] Statement row_of_hash(const Table& table, const std::string& hash);

[[nodiscard]] std::uint32_t buckets_for(std::uint64_t rows, std::uint32_t chunk);

// "a.b", also with quoted parts, as schema and name; none if it is no such name.
[[nodiscard]] std::optional<std::pair<std::string, std::string>> parse_table_name(std::string_view text);

}  // namespace pgpool::ctl::verify
