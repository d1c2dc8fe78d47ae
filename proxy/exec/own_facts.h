// SPDX-License-Identifier: PostgreSQL
#pragma once

// OwnFacts: what a transaction that has changed the schema knows of it (docs/adr/0012-own-facts.md). The
// facts of its database are of what was committed; these it reads by its own connection to the main node,
// where it sees what it has made.
//
// They are read for the first statement that depends on them, and again after each that changes the schema or
// takes changes back. First only the relations that the statement names are read with their columns and keys;
// if others are named before the schema changes again, all are. Everything is asked in one Query, within a
// savepoint of its own, so that nothing of it stays and an error does not end the transaction by itself. Not
// read above READ COMMITTED: there a transaction does not see in the catalogs what others have changed since
// it began, though its statements meet it. Pure; one worker only.

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "proxy/sql/catalog_facts.h"
#include "proxy/sql/statement.h"

namespace pgpool::exec {

// What one query has given, row by row; every value is text or NULL.
struct CatalogAnswer {
    std::size_t columns = 0;
    std::vector<std::optional<std::string>> cells;
};

using RelationNames = std::set<std::string, std::less<>>;

// How catalogs are asked, and what the answers mean. The shell knows the queries, as it reads the facts of
// what was committed by the same.
struct CatalogReading {
    // To be asked under search_path pg_catalog. What belongs to one relation only of those that bear one of
    // `names`; of all if there is none.
    std::function<std::vector<std::string>(const RelationNames& names)> queries;
    std::function<std::shared_ptr<sql::CatalogFacts>(
        std::vector<CatalogAnswer>, const sql::CatalogFacts& committed, const RelationNames& names)>
        understand;
};

class OwnFacts {
public:
    static constexpr std::size_t kMostBytes = std::size_t{16} << 20U;  // of all answers
    static constexpr int kMostReadings = 5;  // for one statement, while others change the schema

    // The latest, even if they are out of date; null: none were read in this transaction.
    [[nodiscard]] const sql::CatalogFactsPtr& latest() const { return facts_; }
    [[nodiscard]] bool are_fresh() const { return is_fresh_; }
    [[nodiscard]] bool hold(const RelationNames& names) const;  // with columns and keys
    void age() { is_fresh_ = false; }
    void clear() { *this = {}; }

    // The text that asks for everything. `names`: of the relations that matter now.
    [[nodiscard]] std::string begin(const CatalogReading& reading, RelationNames names, TimePoint now);
    void take_row(ByteView data_row);
    void take_tag(std::string_view tag);  // a statement of the text has ended
    // All of it has. Empty: they are fresh; else why they are not.
    [[nodiscard]] std::string end(const CatalogReading& reading, const sql::CatalogFacts& committed);

    // Why they cannot be read in this transaction; empty: they can.
    [[nodiscard]] const std::string& obstacle() const { return obstacle_; }
    [[nodiscard]] bool may_read() const { return obstacle_.empty() && readings_ < kMostReadings; }
    void next_statement() { readings_ = 0; }

    // A statement has ended that may make code which every DDL runs.
    void note_tag(std::string_view tag);
    [[nodiscard]] bool may_watch_ddl() const { return may_watch_ddl_; }

private:
    sql::CatalogFactsPtr facts_;
    bool is_fresh_ = false;
    bool may_watch_ddl_ = false;
    int readings_ = 0;
    std::string obstacle_;

    RelationNames names_;  // of the relations that were read whole; empty: all

    // Of the reading under way.
    TimePoint asked_at_;
    std::vector<CatalogAnswer> answers_;
    std::size_t answered_ = 0;
    std::size_t bytes_ = 0;
};

// Whether how the others can follow rests on the schema as it is at that moment. DDL that runs no expression
// does not.
[[nodiscard]] bool depends_on_schema(const sql::Statement& statement);

// Of the relations that it names.
void add_names(const sql::Statement& statement, RelationNames& names);

}  // namespace pgpool::exec
