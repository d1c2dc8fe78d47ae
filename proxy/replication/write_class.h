// SPDX-License-Identifier: PostgreSQL
#pragma once

// WriteClass: what is known of a statement that several nodes are to execute with the same effect. A pure
// function of the statement and the facts of its database.
//
// Invariants: (1) what is not proven is NotProvable, with the reason in words; (2) the class says nothing of
// the privileges of the role, nor of settings that differ between nodes: nodes are expected to agree in
// TimeZone, DateStyle, IntervalStyle, extra_float_digits, bytea_output, lc_* and default_text_search_config;
// (3) values that travel apart from the text are not seen here, see `date_parameters`.
//
// REQUIRES: facts that were loaded for replication (CatalogFacts::writes_known); with others, or none, every
// write of a table is NotProvable.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/config/config.h"
#include "proxy/replication/copy_plan.h"
#include "proxy/replication/image_plan.h"
#include "proxy/replication/lock_plan.h"
#include "proxy/sql/catalog_facts.h"
#include "proxy/sql/statement.h"

namespace pgpool::replication {

// From the least to the most demanding: of several statements the last one counts.
enum class WriteClass : std::uint8_t {
    None,              // writes nothing that is replicated
    LargeObject,       // one call of a function for large objects: others do it by main's result, see
                       // large_objects.h
    Ddl,               // utility commands that run the same on all nodes: DDL, GRANT, TRUNCATE, LOCK, VACUUM
    Point,             // one row by a whole unique key, or rows that the text gives
    Predicate,         // deterministic over rows of its own table
    OtherTables,       // deterministic over rows of several tables
    NotDeterministic,  // each node would compute something else; it writes one table that has a key, or
                       // inserts, or only draws from a sequence, so the rows of one node can travel
    NotProvable,
};

struct Classified {
    WriteClass kind = WriteClass::NotProvable;
    std::string reason;                // one line in words, with the name of the table, function or column
    bool outside_transaction = false;  // runs only outside of a transaction block
    bool locks_rows = false;           // None: SELECT FOR UPDATE/SHARE, which counts on the main node
    bool main_only = false;            // None: has its meaning in the session on the main node alone
    bool needs_facts = false;          // NotProvable: newer facts may know better
    bool calls_large_objects = false;  // some statement is a LargeObject
    bool by_search_path = false;       // ... whose function is named without its schema
    bool by_facts = false;             // a relation, function or operator was looked up
    // Values that travel apart from the text and may become dates or times: one whose text satisfies
    // sql::may_move() makes the statement NotDeterministic.
    std::vector<std::uint16_t> date_parameters;  // numbers of parameters, in order, each once
    bool copy_has_dates = false;                 // the rows of COPY FROM STDIN
    // One for each statement of the text.
    struct Way {
        bool repeats = false;  // the others come to the same by the same statement
        ImagePlanPtr images;   // the rows of the first can travel instead
        LockPlanPtr locks;     // ... only with these locks before it
        CopyPlanPtr filling;   // ... of COPY, with what main has filled in; null: nothing differs
        friend bool operator==(const Way& one, const Way& other) {
            return one.repeats == other.repeats && same_effect(one.images, other.images) &&
                   same_locks(one.locks, other.locks) && same_filling(one.filling, other.filling);
        }
    };
    std::vector<Way> ways;
};

// `temporaries`: names of temporary tables that the session made and that the facts may not have yet.
[[nodiscard]] Classified classify_statement(const sql::Statement& statement, const sql::CatalogFacts* facts,
                                            std::span<const std::string> temporaries = {});

// Of a text with several statements the most demanding.
[[nodiscard]] Classified classify_write(const sql::StatementInfo& info, const sql::CatalogFacts* facts,
                                        std::span<const std::string> temporaries = {});

// EXECUTE: as what was prepared under its name, and its arguments.
[[nodiscard]] Classified classify_execute(const sql::Statement& execute, const Classified& prepared,
                                          const sql::CatalogFacts* facts,
                                          std::span<const std::string> temporaries = {});

[[nodiscard]] const char* to_string(WriteClass kind);              // "point", "not deterministic"
[[nodiscard]] std::string describe(const Classified& classified);  // "point (equality on key t_pkey)"

// Whether the class would be another one under another schema.
[[nodiscard]] bool depends_on_schema(const Classified& classified);

// The others can be made to do the same.
[[nodiscard]] bool can_follow(const Classified& classified);
// ... of some statement only under locks; null: it is not so.
[[nodiscard]] LockPlanPtr locks_needed(const Classified& classified);
// ... of some statement by rows only.
[[nodiscard]] bool rows_travel(const Classified& classified);

// For SHOW ROUTE FOR: "replicated: point (equality on key t_pkey)", "repeated under locks, as ...: predicate
// (...)", "refused: not provable (...)", "not replicated: reads only".
[[nodiscard]] std::string explain(const Classified& classified, config::Unsafe unsafe);

}  // namespace pgpool::replication
