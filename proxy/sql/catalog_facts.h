// SPDX-License-Identifier: PostgreSQL
#pragma once

// CatalogFacts: what routing must know from the catalogs of one database. An immutable snapshot, loaded in
// the background, replaced whole; several sessions with different search_path share it, so names are resolved
// by `schema.name` when given, and by the worst of all that bear the name when not.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/clock.h"

namespace pgpool::pg {
class Rows;
}

namespace pgpool::sql {

enum class Volatility : std::uint8_t { Immutable, Stable, Volatile };

struct FunctionFacts {
    Volatility volatility = Volatility::Volatile;  // the worst overload
    bool builtin = false;                          // all overloads in pg_catalog
    bool harmless = false;        // built in, or its body provably leaves no session state behind
    bool aggregate = false;       // of users: may depend on the order of rows
    bool writes_nothing = false;  // VOLATILE, but writes nothing that is replicated
    bool may_write = false;       // STABLE or IMMUTABLE, but calls what may write
    // By its text if that can be read, whatever is declared:
    bool acts = false;   // it may write, or change settings
    bool looks = false;  // more than its arguments decide what it gives
};

// What a row gets in a column that an INSERT does not give, the worst last.
enum class Default : std::uint8_t {
    Null,
    Generated,
    Deterministic,
    NotDeterministic,
    Sequence,
    MayWrite,  // calls a VOLATILE function of users
};

// What the type of a column makes of its input, the worst last.
enum class Content : std::uint8_t {
    Plain,
    Float,          // sums depend on the order of rows
    Object,         // numbers of catalog rows, of which each node has its own: regclass and its kin
    Date,           // text that holds 'now' is another value tomorrow
    DateContainer,  // arrays, ranges and composites of those; also a type of which nothing is known
};

struct ColumnFacts {
    std::string name;
    Default filled = Default::Null;
    Content content = Content::Plain;
    std::string type{};        // as SQL; empty: text does not become one by its input function alone
    bool is_unique = false;    // of an index that is checked row by row
    bool is_always = false;    // GENERATED ALWAYS AS IDENTITY
    bool is_identity = false;  // GENERATED AS IDENTITY
    std::string cast{};        // "::text" of a type whose output drops some of it: xml; usually empty
    // Sequence.
    bool is_drawn = false;                 // it is what one sequence gave, as it is
    bool falls = false;                    // ... which counts down
    std::vector<std::string> sequences{};  // all that it draws from, as SQL; empty: not known
};

// Unique by columns alone, by the equality that "=" means for them; valid, not partial, not deferrable.
struct UniqueKey {
    std::string name;
    std::vector<std::string> columns;
    bool has_nulls = false;  // it may hold several rows with NULL
};

// What the triggers of a table do with one kind of write. None of them writes anything, see WriteFacts. Those
// that run BEFORE a row is written may change it or leave it out; all others may only fail.
struct TriggerFacts {
    bool is_before = false;             // there are some of the first sort
    std::string looks_before;           // one of them that each node may decide otherwise, in words
    std::string looks;                  // the same of the others
    std::string assigns_any;            // one of the first sort that may change any column, in words
    std::vector<std::string> assigned;  // columns that they may change
    std::string always;                 // one that also fires while others are kept quiet, in words

    [[nodiscard]] bool assigns(std::string_view column) const;
    void add(const TriggerFacts& other);
};

// A foreign key of the table whose action changes its rows: who writes one holds the row that it refers to.
struct HeldKey {
    std::vector<std::string> columns;
    std::string parent;  // as SQL
    std::vector<std::string> parent_columns;
    std::string obstacle;  // why that cannot be done otherwise than by checking the key, in words
    friend bool operator==(const HeldKey&, const HeldKey&) = default;
};

// A foreign key of another table whose ON UPDATE action follows changes of `columns`.
struct FollowedKey {
    std::vector<std::string> columns;
    std::string name;      // in words
    std::string obstacle;  // see WriteFacts
};

// What decides whether a write of a table has the same effect on several nodes. An obstacle says in words,
// with a name, why nothing can be proven; empty: none is there.
struct WriteFacts {
    std::vector<UniqueKey> keys;
    std::vector<ColumnFacts> columns;  // in the order of the table
    bool several = false;              // of tables with one name that differ: the order says nothing
    bool partition = false;            // of another table
    std::string obstacle;              // to all writes
    std::string insert_obstacle;       // triggers that may write; below foreign keys count too
    std::string update_obstacle;
    std::string delete_obstacle;
    std::string truncate_obstacle;
    std::string at_end;  // a constraint that is checked when all rows of a statement are there, in words
    std::vector<FollowedKey> followed;
    TriggerFacts on_insert;
    TriggerFacts on_update;
    TriggerFacts on_delete;
    std::vector<HeldKey> held;
    std::string delete_action;   // a foreign key that deletes or changes rows after those of this table
    std::string quiet_obstacle;  // why triggers cannot be kept quiet whatever is written, in words

    [[nodiscard]] const ColumnFacts* column(std::string_view name) const;
};

struct RelationFacts {
    bool temporary = false;
    bool permanent = true;  // both: several bear the name
    bool unlogged = false;
    bool system = false;            // pg_catalog, information_schema, pg_toast
    bool view = false;              // views are expanded: the flags below count what they reach
    bool reads_volatile = false;    // a view (or rule) that reaches a volatile function
    bool writes_harmless = true;    // triggers, defaults, constraints that a write runs leave nothing behind
    bool rewrites_harmless = true;  // the same of ALTER, which runs no triggers and no rules
    bool runs_user_code = false;    // reading or writing it may run a function that is not built in
    // On the node that was asked; 0: temporary.
    std::uint32_t oid = 0;
    static constexpr std::uint32_t kSeveral = UINT32_MAX;  // bear the name
    [[nodiscard]] bool is_known() const { return oid != 0 && oid != kSeveral; }
    std::shared_ptr<const WriteFacts> write;  // null: not loaded, see CatalogFacts::writes_known
};

struct TypeFacts {
    bool harmless = false;       // no user code runs in its casts: enums, their arrays, domains without CHECK
    bool deterministic = false;  // its input is IMMUTABLE; with CatalogFacts::writes_known only
};

// Transparent hashing: look-ups by string_view make no string.
struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>{}(name); }
};
template <typename Value>
using NameMap = std::unordered_map<std::string, Value, NameHash, std::equal_to<>>;

[[nodiscard]] inline bool is_temp_schema(std::string_view schema) {
    return schema.substr(0, 7) == "pg_temp";
}

struct CatalogFacts {
    std::uint64_t version = 0;         // higher is newer; 0 = nothing loaded yet
    TimePoint as_of;                   // when loading began: what was committed before is in them
    NameMap<FunctionFacts> functions;  // keys: "name" (worst of all schemas) and "schema.name"
    NameMap<RelationFacts> relations;  // the same
    NameMap<TypeFacts> types;          // the same, without the types of pg_catalog
    std::vector<std::uint32_t>
        stable_builtins;                   // OIDs of functions of pg_catalog that are not VOLATILE; sorted
    NameMap<FunctionFacts> operators;      // of users; by the bare name
    NameMap<FunctionFacts> row_functions;  // of users, that row.name calls; by the bare name
    bool conversions_harmless = true;      // no cast or check of a domain leaves state behind
    bool converts_by_user_code = false;    // some cast or check of a domain calls a function not in C
    bool limits_time = false;              // the server, a role or a database sets one of kTimeLimits
    bool writes_known = false;             // loaded for mode replication: RelationFacts::write and below
    std::string cast_obstacle;             // casts of users that are not IMMUTABLE, in words; empty: none
    std::string ddl_obstacle;              // event triggers; the same
    std::string truncate_obstacle;         // of any table
    NameMap<bool> shadowing_operators;     // of users, over built-in types: "=" may not be PostgreSQL's
    // The built-in functions as they were read, for who reads the rest anew: they are the larger part.
    std::shared_ptr<const pg::Rows> builtin_functions;

    [[nodiscard]] const FunctionFacts* function(std::string_view schema, std::string_view name) const;
    [[nodiscard]] bool is_stable_builtin(std::uint32_t oid) const;
    [[nodiscard]] const RelationFacts* relation(std::string_view schema, std::string_view name) const;
    [[nodiscard]] const TypeFacts* type(std::string_view schema, std::string_view name) const;
};

using CatalogFactsPtr = std::shared_ptr<const CatalogFacts>;

}  // namespace pgpool::sql
