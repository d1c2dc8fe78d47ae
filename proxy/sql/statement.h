// SPDX-License-Identifier: PostgreSQL
#pragma once

// StatementInfo: everything that routing, pooling and (later) replication may know about the text of one
// request. Made by sql::Analyzer from the raw parse tree; a value that owns its strings and refers to
// nothing; shared and never changed.
//
// Text that PostgreSQL 15's grammar does not know is Kind::Unknown: it is treated as a write for the primary
// and as code that may leave session state behind, and is never an error of ours.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgpool::sql {

enum class Kind : std::uint8_t {
    Unknown,  // not parsable by us
    Empty,
    Select,  // SELECT, VALUES, TABLE; also WITH whose parts all read
    Insert,
    Update,
    Delete,
    Merge,
    SelectInto,  // SELECT INTO, CREATE TABLE AS
    CopyFrom,    // COPY ... FROM
    CopyTo,      // COPY ... TO STDOUT or file
    Begin,       // BEGIN, START TRANSACTION
    Commit,      // COMMIT, END
    Rollback,    // ROLLBACK, ABORT
    Savepoint,
    ReleaseSavepoint,
    RollbackToSavepoint,
    PrepareTransaction,
    CommitPrepared,
    RollbackPrepared,
    SetTransaction,  // SET TRANSACTION ...
    Set,             // SET, SET LOCAL, SET SESSION CHARACTERISTICS, SET ROLE, RESET, RESET ALL
    Show,
    Prepare,
    Execute,
    Deallocate,
    DeclareCursor,
    Fetch,  // FETCH, MOVE
    CloseCursor,
    Listen,
    Unlisten,
    Notify,
    Discard,
    Do,
    Call,
    Explain,  // without ANALYZE; with ANALYZE the kind is that of the explained statement and `explained` is
              // set
    Lock,
    Truncate,
    Ddl,      // CREATE, ALTER, DROP, GRANT, REVOKE, COMMENT, ...
    Vacuum,   // VACUUM, ANALYZE, CLUSTER, REINDEX, REFRESH MATERIALIZED VIEW
    Utility,  // everything else that PostgreSQL knows (CHECKPOINT, LOAD, ALTER SYSTEM, ...)
    Pgpool,   // ours: SHOW POOL_..., SHOW ROUTE FOR ..., PGPOOL ...
};

// What a statement may leave behind in its session beyond its transaction. A set of these pins a client (pool
// mode auto).
enum class Leaves : std::uint16_t {
    Nothing = 0,
    TempObject = 1U << 0U,    // CREATE TEMP ..., SELECT INTO TEMP, names in pg_temp
    Listen = 1U << 1U,        // LISTEN
    HoldCursor = 1U << 2U,    // DECLARE ... WITH HOLD
    AdvisoryLock = 1U << 3U,  // pg_advisory_lock and kin, session level
    UnknownCode = 1U << 4U,   // DO, CALL, LOAD, unparsable text
    UnknownSetting =
        1U << 5U,  // a setting whose new value cannot be read from the text: set_config(x, y, false)
    SnapshotExport = 1U << 6U,  // pg_export_snapshot()
    LargeObject = 1U << 7U,     // lo_open and kin: descriptors live in the transaction
};
[[nodiscard]] constexpr Leaves operator|(Leaves a, Leaves b) {
    return static_cast<Leaves>(static_cast<std::uint16_t>(a) | static_cast<std::uint16_t>(b));
}
[[nodiscard]] constexpr bool has(Leaves set, Leaves flag) {
    return (static_cast<std::uint16_t>(set) & static_cast<std::uint16_t>(flag)) != 0;
}
[[nodiscard]] constexpr Leaves without(Leaves set, Leaves gone) {
    return static_cast<Leaves>(static_cast<std::uint16_t>(set) & ~static_cast<std::uint16_t>(gone));
}

enum class Access : std::uint8_t { Read, Write, RowLock };  // RowLock: SELECT ... FOR UPDATE/SHARE

struct RelationRef {
    std::string schema;  // empty: by search_path
    std::string name;
    Access access = Access::Read;
    friend bool operator==(const RelationRef&, const RelationRef&) = default;
};

struct FunctionRef {
    std::string schema;  // empty: by search_path
    std::string name;
    std::uint16_t arguments = 0;
    friend bool operator==(const FunctionRef&, const FunctionRef&) = default;
};

struct TypeRef {
    std::string schema;  // empty: by search_path
    std::string name;
    friend bool operator==(const TypeRef&, const TypeRef&) = default;
};

enum class Scope : std::uint8_t { Session, Local };  // SET against SET LOCAL

// A change of a setting as text that replays it. SET ROLE and SET SESSION AUTHORIZATION are the settings
// "role" and "session_authorization"; SET TIME ZONE is "timezone"; SET NAMES is "client_encoding"; names are
// lower case.
struct SettingChange {
    enum class Act : std::uint8_t { Set, Reset, ResetAll };
    Act act = Act::Set;
    Scope scope = Scope::Session;
    std::string name;       // empty for ResetAll
    std::string value_sql;  // Set: what follows "SET name TO", as SQL: 'Asia/Tokyo'  or  a, "B"
    friend bool operator==(const SettingChange&, const SettingChange&) = default;
};

enum class Isolation : std::uint8_t { ReadUncommitted, ReadCommitted, RepeatableRead, Serializable };

// Options of BEGIN, START TRANSACTION, SET TRANSACTION, COMMIT AND CHAIN.
struct TransactionOptions {
    std::optional<Isolation> isolation;
    std::optional<bool> read_only;
    std::optional<bool> deferrable;
    bool chain = false;
    bool start_word = false;  // written START TRANSACTION: its command tag is that, not BEGIN
    friend bool operator==(const TransactionOptions&, const TransactionOptions&) = default;
};

// A column that an INSERT, UPDATE or COPY names, or that is compared with a literal.
struct ColumnValue {
    std::string column;          // empty: the table's column at `position`
    std::uint16_t position = 0;  // counts from 0
    bool moving = false;         // a literal that is another date tomorrow, should the column hold dates
    bool is_default = false;     // DEFAULT, in some row
    friend bool operator==(const ColumnValue&, const ColumnValue&) = default;
};

// Where the value of a parameter may be read as another type.
struct ParameterUse {
    std::uint16_t number = 0;  // of $1
    bool loose = false;        // anywhere; else it takes the type of the column below, of the first change's
                               // target if it has only a position
    std::string column;
    std::uint16_t position = 0;
    friend bool operator==(const ParameterUse&, const ParameterUse&) = default;
};

// One INSERT, UPDATE, DELETE, MERGE or COPY FROM. What a MERGE does to its target follows it, one for each
// INSERT, UPDATE and DELETE.
struct Change {
    enum class Verb : std::uint8_t { Insert, Update, Delete, Merge, Copy };
    enum class Source : std::uint8_t { Defaults, Values, Query };  // INSERT DEFAULT VALUES, VALUES, SELECT
    enum class OnConflict : std::uint8_t { Error, Nothing, Update };
    Verb verb = Verb::Insert;
    Source source = Source::Defaults;
    OnConflict on_conflict = OnConflict::Error;
    bool one_row = false;      // Values: a single one
    bool in_with = false;      // a part of WITH, not the statement itself
    bool all_columns = false;  // INSERT, COPY without a list of columns
    bool returns = false;      // with RETURNING
    bool ignores_identities =
        false;           // OVERRIDING USER VALUE: what is given for such a column counts for nothing
    bool joins = false;  // UPDATE ... FROM, DELETE ... USING
    bool conflict_unclear = false;      // ON CONFLICT with an expression, a predicate, an operator class
    RelationRef target;                 // as in Statement::relations
    std::string alias;                  // of the target; empty: none
    std::vector<ColumnValue> given;     // INSERT, COPY; of a Query only if there is a list of columns
    std::vector<ColumnValue> assigned;  // UPDATE, ON CONFLICT DO UPDATE
    std::vector<std::string> equated;   // columns that must equal a constant or parameter
    std::vector<std::string> conflict_columns;  // ON CONFLICT (...)
    std::string conflict_constraint;            // ON CONFLICT ON CONSTRAINT
};

// Of CREATE, DROP and ALTER DATABASE. PostgreSQL runs them only while nobody else is connected to `emptied`.
struct DatabaseUse {
    enum class By : std::uint8_t { Nothing, Create, Drop, Change };
    By by = By::Nothing;
    std::string emptied;         // dropped, renamed, moved, or copied
    std::string made;            // that bears this name from then on
    bool ends_sessions = false;  // WITH (FORCE)
    friend bool operator==(const DatabaseUse&, const DatabaseUse&) = default;
};

// How the rows of COPY FROM STDIN are written.
struct CopyRows {
    enum class Format : std::uint8_t { Text, Csv, Binary };
    enum class Header : std::uint8_t { None, Skipped, Matched };  // the first line: Matched names the columns
    Format format = Format::Text;
    Header header = Header::None;
    char delimiter = '\t';
    char quote = '"';  // Csv, as the next
    char escape = '"';
    std::string null = "\\N";
    std::string encoding{};    // empty: client_encoding
    std::string_view other{};  // what else may decide which rows there are, in words; empty: nothing
    bool is_clear = true;      // no option may give a field another value: DEFAULT, and what is not known
    friend bool operator==(const CopyRows&, const CopyRows&) = default;
};

struct Statement {
    Kind kind = Kind::Unknown;
    bool writes =
        false;  // by its syntax: DML anywhere in it (also in a CTE), DDL, INTO, nextval is *not* known here
    bool locks_rows = false;  // FOR UPDATE, FOR NO KEY UPDATE, FOR SHARE, FOR KEY SHARE anywhere
    bool explained = false;   // EXPLAIN ANALYZE of this
    bool outside_transaction_only = false;  // VACUUM, CREATE DATABASE, CREATE INDEX CONCURRENTLY, ...
    bool from_stdin = false;                // COPY ... FROM STDIN
    bool to_stdout = false;                 // COPY ... TO STDOUT
    bool unusual_fields = false;            // COPY FROM with a delimiter or quote that few use
    CopyRows copied;                        // COPY FROM STDIN
    bool imports_snapshot = false;          // SET TRANSACTION SNAPSHOT
    bool locks_as_reader = false;           // LOCK in a mode that reads take too: ACCESS SHARE, ROW SHARE
    bool sets_if_found = false;      // SELECT set_config(name, ...) FROM pg_settings WHERE name = '...'
    bool primary_only = false;       // has its meaning on the primary alone: advisory locks
    bool cascades = false;           // TRUNCATE ... CASCADE
    bool leads_elsewhere = false;    // ALTER: what writes by the name may write to another table from then on
    bool is_remark = false;          // COMMENT, SECURITY LABEL: no statement is judged by these
    bool drops_others = false;       // what it does not name: DROP OWNED, DROP TYPE ... CASCADE
    bool changes_logins = false;     // ALTER ROLE, ALTER DATABASE ... SET: what a login takes
    bool changes_verifiers = false;  // ALTER ROLE, DROP ROLE: who may log in by what
    bool runs_over_rows = false;     // DDL that may compute something for the rows that are there
    bool is_shared = false;          // DDL of roles, databases and what else all databases share
    bool is_of_relations = false;  // DDL of relations and what belongs to one: no function, type or operator
    // DDL and TRUNCATE: what it does is settled by the relations that it names with their schemas, and locks;
    // it looks for nothing else that could be there or not.
    bool is_settled = false;
    bool finds_names = false;  // DDL: the server finds names itself, of sequences and indexes that it makes
    bool creates = false;      // a relation: the first of `relations` with Access::Write
    bool drops_at_commit = false;  // ... ON COMMIT DROP
    bool derives = false;          // ... with defaults or parents that belong to other tables
    bool computes_rows = false;    // CREATE TABLE AS, CREATE and REFRESH MATERIALIZED VIEW: not WITH NO DATA
    // Of rows that compare equal, though they can be told apart (1.0 and 1.00), it may take any: by what, in
    // words; empty: it does not. Static text.
    std::string_view picks;
    bool renames = false;      // columns: a name may mean something else than what tables have by it
    bool has_strings = false;  // string literals
    bool has_loose_moving_literal = false;  // one that is another date tomorrow, and not in literals below
    bool names_objects = false;             // casts to oid, regclass and their kin
    bool names_moment = false;          // a literal that has the word now, today ... and is not cast to text
    bool reads_system_columns = false;  // xmin, ctid, tableoid ...
    bool is_unlogged = false;           // CREATE UNLOGGED TABLE, ALTER TABLE ... SET UNLOGGED
    bool hashes_numbers = false;        // PARTITION BY HASH of what may be an enum
    bool stores_moment = false;         // DDL that stores a constant of which each node has its own: 'now'
    bool calls_once = false;  // Select: of one function with constants and parameters, and nothing else
    // What makes nodes that hold the same rows compute different values, in words: LIMIT, CURRENT_DATE, ctid;
    // empty: nothing but functions, types and operators. Static text, as the next.
    std::string_view varies;
    std::string_view node_specific;   // why it cannot run alike on several nodes: ALTER SYSTEM
    Leaves leaves = Leaves::Nothing;  // by syntax and by the names of built-in functions
    Leaves clears = Leaves::Nothing;  // what is gone once its transaction commits: DISCARD, UNLISTEN *
    std::vector<RelationRef>
        relations;  // every one named, once per (schema, name, access); CTE names are not relations
    std::vector<FunctionRef> functions;  // every call, once; operators' and casts' functions are not here
    std::vector<TypeRef> types;          // casts to types that are not PostgreSQL's own, each once
    std::vector<std::string> sequences;  // constant names that nextval() and setval() are given, as written
    bool has_unclear_sequence = false;   // ... or a name that is not constant
    std::vector<std::string> set_sequences;    // those of them that setval() is given
    bool user_operators = false;               // an OPERATOR(schema.op) outside pg_catalog
    std::vector<std::string> operators;        // names of all others, each once
    std::vector<std::string> fields;           // `name` of every row.name, each once: may call a function
    std::vector<std::string> columns;          // names of every column that is read, each once; "*": all
    std::vector<Change> changes;               // every one, the statement's own first
    std::vector<ColumnValue> moving_literals;  // columns of any table that are compared with moving literals
    std::vector<ParameterUse> parameters;      // not where they are cast to a type that is no date
    std::vector<std::string> cast_to_date;     // columns of any table that are cast to a date or time
    std::vector<std::string> summed;           // columns of any table in sum() or avg()
    DatabaseUse database;
    std::optional<std::string>
        index;  // CREATE INDEX CONCURRENTLY: its name, empty if the server gives it one
    std::vector<SettingChange> settings;  // Set, and SELECT set_config('x', 'y', false) with constants
    TransactionOptions transaction;       // Begin, Commit, Rollback, SetTransaction
    std::string name;  // Savepoint kinds: its name; Prepare, Execute, Deallocate, cursors, Listen, Show: the
                       // name; two-phase kinds: the gid; Pgpool: what is asked, lower case; empty = ALL
    std::string argument;                    // Pgpool: the text after the command words, as written
    std::shared_ptr<const Statement> inner;  // Prepare, DeclareCursor, Explain: what is inside
    // Byte offset of this statement in the text that was analysed, which need not be the one at hand; for its
    // sake a Prepare depends on literals.
    std::int32_t location = 0;
    std::int32_t length = 0;  // bytes, 0 = to the end
};

// What the leading comment of a request asks for: /* pgpool: primary */ ..., /*NO LOAD BALANCE*/ (as
// pgpool-II).
enum class Hint : std::uint8_t { None, Primary, Standby };

struct StatementInfo {
    bool parsed = false;           // false: `statements` holds one of Kind::Unknown
    bool is_syntax_error = false;  // ... by the grammar of kParserVersion
    Hint hint = Hint::None;
    std::string node_hint;              // /* pgpool: node=name */
    std::vector<Statement> statements;  // empty for an empty query string
    bool depends_on_literals = false;   // the cache must not serve this for other literals

    [[nodiscard]] bool single(Kind kind) const {
        return statements.size() == 1 && statements[0].kind == kind;
    }
};

using StatementInfoPtr = std::shared_ptr<const StatementInfo>;

// The statement that replays a change: SET LOCAL my.var TO 'x', RESET ALL.
[[nodiscard]] std::string to_sql(const SettingChange& change);

[[nodiscard]] const char* to_string(Kind kind);
[[nodiscard]] std::string to_string(Leaves leaves);  // "temp-object,listen", "-" for nothing
[[nodiscard]] std::string describe(
    const StatementInfo& info);  // one line per statement, for SHOW ROUTE FOR and tests

}  // namespace pgpool::sql
