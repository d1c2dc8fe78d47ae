// SPDX-License-Identifier: PostgreSQL
#pragma once

// Settings of a session as PostgreSQL keeps them: what SET has changed against the defaults, with the rules
// of transactions and savepoints (PG documentation, SET: a rolled-back SET never happened).
//
// A value is SQL that follows "SET name TO"; one that begins with '=' is a text as in a startup packet,
// replayed by set_config(), because there "a, b" is a list and in SET 'a, b' is one name.
//
// The same class follows a client's view and a server connection's state; they differ in what RESET means: a
// client goes back to what its startup packet said, a server connection to nothing set. Each change copies
// the set, so what one set may hold is bounded. Pure; one worker only.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/exec/name_values.h"
#include "proxy/sql/statement.h"

namespace pgpool::exec {

class Settings {
public:
    Settings(NameValuesTable& table, NameValuesPtr defaults);

    [[nodiscard]] const NameValuesPtr& current() const { return current_; }
    [[nodiscard]] const NameValuesPtr& committed() const { return committed_; }
    [[nodiscard]] const NameValuesPtr& defaults() const { return defaults_; }

    // Session scope; a local one ends with its transaction and is ignored. False: too much would be set, and
    // the change is not kept.
    [[nodiscard]] bool apply(const sql::SettingChange& change);
    static constexpr std::size_t kMostBytes = std::size_t{16} << 10U;  // by NameValues::bytes()
    void replace(NameValuesPtr current);  // outside transactions: all of them at once

    // A rollback, also one to a savepoint, may take something back.
    [[nodiscard]] bool is_open() const { return committed_ != current_ || !savepoints_.empty(); }
    void commit();    // also of an implicit transaction
    void rollback();  // also of an implicit transaction
    void savepoint(std::string_view name);
    void release_savepoint(std::string_view name);
    void rollback_to_savepoint(std::string_view name);

private:
    struct Savepoint {
        std::string name;
        NameValuesPtr settings;
    };
    [[nodiscard]] std::optional<std::size_t> find_savepoint(std::string_view name) const;
    [[nodiscard]] NameValuesPtr reset(std::string_view name) const;
    [[nodiscard]] bool has_room(const sql::SettingChange& change) const;

    NameValuesTable* table_;
    NameValuesPtr defaults_;
    NameValuesPtr committed_;
    NameValuesPtr current_;
    std::vector<Savepoint> savepoints_;
};

// SQL that turns a server session with settings `from` into one with settings `to`; empty if they are equal.
// The login user comes back first and role changes come last, as a role may lack the right to change the
// others.
struct Replay {
    std::string
        encoding;  // sent before `sql` by itself: a server reads a Query by the encoding it has when it comes
    std::string sql;
    bool cannot_fail = true;  // every setting is of a kind that accepts again what it accepted once
};
[[nodiscard]] Replay replay(const NameValues& from, const NameValues& to);

// Settings of a startup packet in the form kept here. `options` are those inside the parameter "options".
[[nodiscard]] std::string startup_value(std::string_view text);

[[nodiscard]] std::string quote_setting_name(std::string_view name);  // my.setting: each part by itself

}  // namespace pgpool::exec
