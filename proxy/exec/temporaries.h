// SPDX-License-Identifier: PostgreSQL
#pragma once

// Temporaries: the names of the temporary tables and sequences that a session of mode replication has made.
// They are on its main node alone, so statements that name them must be told from those that other nodes
// repeat.
//
// Invariant: a name in names() means the temporary object, and every statement that writes to it writes
// nothing else. Where that cannot be known the session is opaque, until DISCARD. Pure; one worker only.

#include <string>
#include <string_view>
#include <vector>

#include "proxy/sql/catalog_facts.h"
#include "proxy/sql/statement.h"

namespace pgpool::exec {

class Temporaries {
public:
    // It has succeeded, with this command tag. `facts` may be null.
    void apply(const sql::Statement& statement, std::string_view tag, const sql::CatalogFacts* facts);
    void clear() { committed_ = current_ = {}; }

    [[nodiscard]] const std::vector<std::string>& names() const { return current_.names; }
    [[nodiscard]] bool is_opaque() const { return current_.is_opaque; }
    [[nodiscard]] bool is_named_by(const sql::Statement& statement) const;

    void commit();
    void rollback();
    void savepoint(std::string_view name);
    void release_savepoint(std::string_view name);
    void rollback_to_savepoint(std::string_view name);

private:
    struct State {
        std::vector<std::string> names;
        std::vector<std::string> until_commit;  // of them, those that go with the transaction
        bool is_opaque = false;
    };
    struct Savepoint {
        std::string name;
        State state;
    };
    void add(const sql::Statement& statement, std::string_view tag, const sql::CatalogFacts* facts);
    void remove(const std::string& name);
    void forget_names();
    [[nodiscard]] std::vector<Savepoint>::iterator find_savepoint(std::string_view name);

    State committed_;
    State current_;
    std::vector<Savepoint> savepoints_;
};

// The relation that a statement makes by this name; null: it makes none.
[[nodiscard]] const sql::RelationRef* created_by(const sql::Statement& statement);

}  // namespace pgpool::exec
