// SPDX-License-Identifier: PostgreSQL
#pragma once

// What a request does, as far as routing and pooling care: a pure function of its text, of the catalog facts
// and of the function lists in the configuration. It is kept with the analysis until the facts change.
//
// Rules: (1) what is not proven to read only is a Write; (2) without facts nothing that needs them is proven;
// (3) what may leave state behind is counted even where the request goes to the primary. Threads: none.
// Not here: which node serves it (planner.h).

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/config.h"
#include "proxy/replication/write_class.h"
#include "proxy/sql/catalog_facts.h"
#include "proxy/sql/statement.h"

namespace pgpool::route {

enum class Class : std::uint8_t {
    Nothing,      // an empty query string
    Read,         // any node that is fresh enough will do
    Write,        // the primary
    Transaction,  // BEGIN ... ROLLBACK, savepoints, SET TRANSACTION: where the transaction is
    Session,      // SET, RESET, DISCARD, DEALLOCATE, CLOSE, FETCH, SHOW: about the session itself
    Own,          // ours: SHOW POOL_NODES, ...
};

enum class Reason : std::uint8_t {
    EmptyQuery,
    ReadsOnly,
    TransactionControl,
    SessionCommand,
    OwnCommand,
    Unparsable,
    DataModifying,      // INSERT, UPDATE, DELETE, MERGE, also in WITH or under EXPLAIN
    Ddl,                // CREATE, ALTER, DROP, SELECT INTO, ...
    RowLocks,           // FOR UPDATE, FOR SHARE
    Utility,            // LOCK, VACUUM, NOTIFY, DO, CALL, ...
    ServerFile,         // COPY to a file or program of the server
    Cursor,             // DECLARE
    PreparedStatement,  // PREPARE, and EXECUTE as long as its PREPARE is not known
    MixedBatch,         // several statements of which some are no reads
    WriteFunction,      // in routing.write_functions
    VolatileFunction,   // by the catalog, or by the table of built-in functions
    VolatileOperator,   // by the catalog
    UnknownFunction,    // not in the facts
    UserOperator,       // OPERATOR(schema.op)
    UserType,           // a cast that may run user code
    TemporaryRelation,
    UnloggedRelation,  // not on standbys
    SystemRelation,    // catalogs: a reader of them usually wants the state of the primary
    VolatileView,
    UnknownRelation,  // not in the facts: perhaps a temporary table, or a new view
    FactsMissing,     // facts not loaded yet
    LearnedWrite,     // a node answered 25006 to it
};

using ClassifiedPtr = std::shared_ptr<const replication::Classified>;

struct Verdict {
    Class kind = Class::Write;
    Reason reason = Reason::Unparsable;
    std::string subject;  // the function, relation or type that decided; may be empty
    sql::Leaves leaves = sql::Leaves::UnknownCode;  // what it may leave behind in its session
    sql::Leaves clears = sql::Leaves::Nothing;      // what is gone once its transaction commits
    bool retryable_read = false;     // may be repeated as a whole if nothing of it reached the client yet
    bool is_ddl = false;             // catalog facts and prepared statements may be out of date after it
    bool changes_logins = false;     // settings that a login takes: ALTER ROLE, ALTER DATABASE ... SET
    bool changes_verifiers = false;  // ALTER ROLE, DROP ROLE: what logs a role in
    bool needs_facts = false;        // newer facts may change this: fetch them and classify again
    bool uncertain = false;          // Write only for want of proof: a hint may send it to a standby
    bool primary_only = false;       // means something on the primary alone: advisory locks
    // Mode replication: how it comes to the other nodes. null: other modes.
    ClassifiedPtr replicated;
};

// routing.read_only_functions and routing.write_functions, ready for look-ups. An entry is `name`,
// `schema.name`, either with `*` at its end for any continuation. An entry without a schema matches in every
// schema; one with a schema matches an unqualified call only for write_functions, because the call might
// mean it.
class RoutingFunctions {
public:
    RoutingFunctions() = default;
    explicit RoutingFunctions(const config::Routing& routing,
                              config::ClusterMode mode = config::ClusterMode::Streaming);

    [[nodiscard]] bool reads(std::string_view schema, std::string_view name) const;
    [[nodiscard]] bool writes(std::string_view schema, std::string_view name) const;
    [[nodiscard]] bool is_replicated() const { return is_replicated_; }

private:
    struct Patterns {
        sql::NameMap<bool> bare;               // names without schema
        sql::NameMap<bool> qualified;          // schema.name
        sql::NameMap<bool> unqualified_tails;  // the names of those, alone
        std::vector<std::string> bare_prefixes;
        std::vector<std::string> qualified_prefixes;

        void add(std::string_view entry);
        [[nodiscard]] bool might_mean(std::string_view name) const;
        [[nodiscard]] bool match(std::string_view schema, std::string_view name, bool loosely) const;
    };
    Patterns reads_;
    Patterns writes_;
    bool is_replicated_ = false;
};

// `facts` may be null: not loaded yet.
[[nodiscard]] Verdict classify(const sql::StatementInfo& info, const sql::CatalogFacts* facts,
                               const RoutingFunctions& functions);

// Of several statements in one request the one that is harder to replicate; null: neither mode asks for it.
[[nodiscard]] ClassifiedPtr more_demanding(const ClassifiedPtr& one, const ClassifiedPtr& other);

// EXECUTE is as good or bad as what was prepared under its name, and as its arguments.
[[nodiscard]] Verdict classify_execute(const sql::StatementInfo& execute, const Verdict& prepared,
                                       const sql::CatalogFacts* facts, const RoutingFunctions& functions);

// After a node said 25006 (read-only transaction): the shape writes, whatever its text looks like.
[[nodiscard]] Verdict learned_write(Verdict verdict);

// Payload for sql::AnalysisCache: valid while facts and configuration are those it was made with.
struct CachedVerdict {
    std::uint64_t facts_version = 0;
    std::uint64_t config_version = 0;
    bool valid = false;
    bool learned_write = false;
    Verdict verdict;
};

// The verdict in `slot`, made anew if facts or configuration changed. `config_version` is any number that
// changes with the function lists.
const Verdict& cached_verdict(CachedVerdict& slot, const sql::StatementInfo& info,
                              const sql::CatalogFacts* facts, const RoutingFunctions& functions,
                              std::uint64_t config_version);

[[nodiscard]] const char* to_string(Class kind);
[[nodiscard]] const char* to_string(Reason reason);          // in words: "calls a volatile function"
[[nodiscard]] std::string describe(const Verdict& verdict);  // "write: calls a volatile function (nextval)"

}  // namespace pgpool::route
