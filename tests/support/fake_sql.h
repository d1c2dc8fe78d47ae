// SPDX-License-Identifier: PostgreSQL
#pragma once

// FakeSql: the session of a PostgreSQL server as far as a pooler can tell sessions apart: transactions with
// savepoints, settings, prepared statements, cursors, temporary tables, locks. Tables hold nothing; what was
// written is remembered as text.
//
// SELECT gives its first expression: a literal, a number, $n, or one of the functions of fake_sql.cc; FROM
// generate_series(1, n) gives n rows of it. 1/0 fails with 22012, INSERT of 'dup' with 23505, a setting of
// value bad with 22023, a first word that is no SQL with 42601.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace pgpool::support {

struct Word {
    enum class Kind : std::uint8_t { Name, Literal, Symbol };
    Kind kind = Kind::Symbol;
    std::string text;  // a Name in lower case, a Literal without its quotes
};
using Words = std::vector<Word>;

// The statements of a text, each as its words; an empty statement has none. `text` is what the client wrote.
struct SqlText {
    Words words;
    std::string text;

    [[nodiscard]] bool is(std::size_t at, std::string_view name) const {
        return at < words.size() && words[at].kind != Word::Kind::Literal && words[at].text == name;
    }
    [[nodiscard]] std::string at(std::size_t i) const { return i < words.size() ? words[i].text : ""; }
};
[[nodiscard]] std::vector<SqlText> read_sql(std::string_view sql);

// What all sessions at one node have in common.
struct FakeNode {
    bool is_standby = false;
    std::vector<std::string> committed;  // texts of writes, in the order of their commit
};

struct FakePrepared {
    SqlText sql;
    std::uint16_t parameters = 0;
    bool gives_rows = false;  // as far as known when it was prepared
};

struct Outcome {
    enum class Kind : std::uint8_t { Done, Empty, Failed, CopyIn, CopyOut, Sleeps };
    Kind kind = Kind::Done;
    bool has_rows = false;
    std::vector<std::string> rows;
    std::string tag;
    std::string sqlstate;  // Failed
    std::string message;
    std::string notice;  // SQLSTATE of a warning that goes in front
};

class FakeSql {
public:
    using Settings = std::map<std::string, std::string>;
    enum class Status : char { Idle = 'I', InTransaction = 'T', Failed = 'E' };

    FakeSql(FakeNode& node, Settings startup);

    [[nodiscard]] Outcome run(const SqlText& sql, const std::vector<std::string>& parameters);
    [[nodiscard]] std::optional<Outcome> refuses(const SqlText& sql) const;  // syntax, or 25P02
    [[nodiscard]] bool gives_rows(const SqlText& sql) const;
    void woke_up() { has_slept_ = true; }  // the sleeping statement, run again, does not sleep

    void end_implicit();  // Sync, or the end of a Query: commits unless a transaction block is open
    void abort();         // after an error
    [[nodiscard]] Status status() const { return status_; }
    // Rises whenever a transaction ends: portals end with it.
    [[nodiscard]] std::uint64_t transactions() const { return transactions_; }

    [[nodiscard]] std::map<std::string, FakePrepared>& prepared() { return prepared_; }
    [[nodiscard]] const Settings& settings() const { return settings_; }  // names in lower case
    [[nodiscard]] const Settings& defaults() const { return defaults_; }
    using Reports = std::vector<std::pair<std::string, std::string>>;
    [[nodiscard]] Reports reports() const;    // all parameters that a server reports, as after a login
    [[nodiscard]] Reports changed_reports();  // what has changed since the last call
    // What this session holds that no other may see; empty: nothing.
    [[nodiscard]] std::string own_state() const;
    void wrote(const std::string& text) { pending_.push_back(text); }

private:
    struct Objects {                          // what a rollback takes back
        std::map<std::string, bool> cursors;  // name, WITH HOLD
        std::set<std::string> temp_tables;
        std::set<std::string> channels;
    };
    struct Savepoint {
        std::string name;
        Settings settings;
        std::size_t pending = 0;
    };

    [[nodiscard]] Outcome select(const SqlText& sql, const std::vector<std::string>& parameters);
    [[nodiscard]] Outcome function(const SqlText& sql, std::size_t at);
    [[nodiscard]] Outcome write(const SqlText& sql, std::string tag);
    [[nodiscard]] Outcome create_or_drop(const SqlText& sql);
    [[nodiscard]] Outcome transaction(const SqlText& sql);
    [[nodiscard]] Outcome commit(const SqlText& sql);
    [[nodiscard]] Outcome rollback(const SqlText& sql);
    [[nodiscard]] Outcome savepoint(const SqlText& sql);
    [[nodiscard]] Outcome set(const SqlText& sql);
    [[nodiscard]] Outcome set_value(std::string name, const SqlText& sql, std::size_t at);
    [[nodiscard]] Outcome reset(const SqlText& sql);
    [[nodiscard]] Outcome discard(const SqlText& sql);
    [[nodiscard]] Outcome prepare(const SqlText& sql);
    [[nodiscard]] Outcome execute(const SqlText& sql);
    [[nodiscard]] Outcome deallocate(const SqlText& sql);
    [[nodiscard]] Outcome copy(const SqlText& sql);
    [[nodiscard]] Outcome cursor(const SqlText& sql);
    void drop_prepared();
    void set_back(const std::string& name);
    void end_transaction(bool commits);
    [[nodiscard]] bool is_read_only() const { return node_.is_standby || read_only_; }

    FakeNode& node_;
    Settings defaults_;
    Settings settings_;
    Settings committed_settings_;
    Settings local_;  // values to come back to at the end of the transaction, of SET LOCAL
    Settings reported_;
    std::map<std::string, FakePrepared> prepared_;
    std::vector<Savepoint> savepoints_;
    std::vector<std::string> pending_;
    Objects objects_;
    Objects committed_objects_;
    int advisory_locks_ = 0;
    int nested_ = 0;  // EXECUTE of an EXECUTE
    bool read_only_ = false;
    bool has_slept_ = false;
    Status status_ = Status::Idle;
    std::uint64_t transactions_ = 0;
};

}  // namespace pgpool::support
