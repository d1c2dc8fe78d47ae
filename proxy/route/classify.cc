// SPDX-License-Identifier: PostgreSQL
#include "proxy/route/classify.h"

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/sql/builtin.h"

namespace pgpool::route {
namespace {

using sql::Access;
using sql::Kind;
using sql::Leaves;
using sql::Statement;

bool is_system_schema(std::string_view schema) {
    return schema == "pg_catalog" || schema == "information_schema" || schema == "pg_toast";
}

// How much a reason weighs against a Read when several apply: 3 = certain, 2 = known to be volatile, 1 = not
// known, 0 = not known for want of facts. Below 3 a hint may overrule it.
int weight(Reason reason) {
    switch (reason) {
        case Reason::VolatileFunction:
        case Reason::VolatileOperator:
        case Reason::VolatileView:
            return 2;
        case Reason::UnknownFunction:
        case Reason::UserOperator:
        case Reason::UserType:
        case Reason::SystemRelation:
        case Reason::UnknownRelation:
            return 1;
        case Reason::FactsMissing:
            return 0;
        default:
            return 3;
    }
}

// Judges one statement.
class Judge {
public:
    Judge(const sql::CatalogFacts* facts, const RoutingFunctions& lists)
        : facts_(facts != nullptr && facts->version > 0 ? facts : nullptr), lists_(lists) {
        verdict_.kind = Class::Read;
        verdict_.reason = Reason::ReadsOnly;
        verdict_.leaves = Leaves::Nothing;
    }

    Verdict judge(const Statement& statement) &&;

private:
    void by_kind(const Statement& statement);
    void query(const Statement& statement);
    void calls(const Statement& statement);
    void function(const sql::FunctionRef& ref);
    void function_without_facts(const sql::FunctionRef& ref, bool may_be_builtin);
    void unnamed(const sql::NameMap<sql::FunctionFacts>& known, const std::vector<std::string>& names,
                 Reason reason);
    void type(const sql::TypeRef& ref);
    void read_relation(const sql::RelationRef& ref);
    void written_relation(const sql::RelationRef& ref);
    void rewritten_relation(const sql::RelationRef& ref);
    void declare(const Statement& statement);
    void explain(const Statement& statement);

    void is(Class kind, Reason reason) {
        verdict_.kind = kind;
        verdict_.reason = reason;
    }
    void writes(Reason reason, std::string_view subject = {});
    void leave(Leaves leaves) { verdict_.leaves = verdict_.leaves | leaves; }
    [[nodiscard]] Verdict of_inner(const Statement& statement) const {
        Judge inner(facts_, lists_);
        return std::move(inner).judge(*statement.inner);
    }

    const sql::CatalogFacts* facts_;  // null: nothing loaded
    const RoutingFunctions& lists_;
    Verdict verdict_;
};

// One more reason for the primary; the heaviest is told.
void Judge::writes(Reason reason, std::string_view subject) {
    if (verdict_.kind == Class::Write && weight(reason) <= weight(verdict_.reason)) return;
    is(Class::Write, reason);
    verdict_.subject = subject;
}

Verdict Judge::judge(const Statement& statement) && {
    leave(statement.leaves);
    verdict_.clears = statement.clears;
    verdict_.primary_only = statement.primary_only;
    by_kind(statement);
    verdict_.uncertain =
        verdict_.kind == Class::Write && weight(verdict_.reason) < 3 && !verdict_.primary_only;
    return std::move(verdict_);
}

void Judge::by_kind(const Statement& statement) {
    switch (statement.kind) {
        case Kind::Unknown:
            return writes(Reason::Unparsable);
        case Kind::Empty:
            return is(Class::Nothing, Reason::EmptyQuery);
        case Kind::Select:
            query(statement);
            verdict_.retryable_read = verdict_.kind == Class::Read;
            return;
        case Kind::CopyTo:
            if (!statement.to_stdout) writes(Reason::ServerFile);
            return query(statement);
        case Kind::Insert:
        case Kind::Update:
        case Kind::Delete:
        case Kind::Merge:
        case Kind::CopyFrom:
        case Kind::Truncate:
            return query(statement);
        case Kind::SelectInto:
        case Kind::Ddl:
            writes(Reason::Ddl);
            verdict_.is_ddl = !statement.is_remark;
            verdict_.changes_logins = statement.changes_logins;
            verdict_.changes_verifiers = statement.changes_verifiers;
            if (statement.runs_over_rows) {
                for (const sql::RelationRef& ref : statement.relations) rewritten_relation(ref);
            }
            return calls(statement);
        case Kind::Begin:
        case Kind::Commit:
        case Kind::Rollback:
        case Kind::Savepoint:
        case Kind::ReleaseSavepoint:
        case Kind::RollbackToSavepoint:
        case Kind::PrepareTransaction:
        case Kind::SetTransaction:
            return is(Class::Transaction, Reason::TransactionControl);
        case Kind::CommitPrepared:
        case Kind::RollbackPrepared:
            return writes(Reason::TransactionControl);
        case Kind::Set:
        case Kind::Show:
        case Kind::Deallocate:
        case Kind::Fetch:
        case Kind::CloseCursor:
        case Kind::Listen:
        case Kind::Unlisten:
        case Kind::Discard:
            return is(Class::Session, Reason::SessionCommand);
        case Kind::Prepare:
            return writes(Reason::PreparedStatement, statement.name);
        case Kind::Execute:
            writes(Reason::PreparedStatement, statement.name);
            return calls(statement);
        case Kind::DeclareCursor:
            return declare(statement);
        case Kind::Explain:
            return explain(statement);
        case Kind::Do:
        case Kind::Call:
        case Kind::Notify:
        case Kind::Lock:
        case Kind::Vacuum:
        case Kind::Utility:
            writes(Reason::Utility);
            return calls(statement);
        case Kind::Pgpool:
            return is(Class::Own, Reason::OwnCommand);
    }
}

// Counts what the parts of a statement do; `writes` and row locks first, so that they are the reason told.
void Judge::query(const Statement& statement) {
    if (statement.writes) {
        writes(Reason::DataModifying);
        for (const sql::RelationRef& ref : statement.relations) {
            if (ref.access == Access::Write && verdict_.subject.empty()) verdict_.subject = ref.name;
        }
    }
    if (statement.locks_rows) writes(Reason::RowLocks);
    calls(statement);
    for (const sql::RelationRef& ref : statement.relations) {
        if (ref.access == Access::Write) {
            written_relation(ref);
        } else {
            read_relation(ref);
        }
    }
}

// The code that a statement runs by name, and the statement inside it.
void Judge::calls(const Statement& statement) {
    for (const sql::FunctionRef& ref : statement.functions) function(ref);
    if (statement.user_operators) {
        writes(Reason::UserOperator);
        leave(Leaves::UnknownCode);
    }
    if (facts_ != nullptr) {
        unnamed(facts_->operators, statement.operators, Reason::VolatileOperator);
        unnamed(facts_->row_functions, statement.fields, Reason::VolatileFunction);
        if (!facts_->conversions_harmless) leave(Leaves::UnknownCode);
    }
    for (const sql::TypeRef& ref : statement.types) type(ref);
    if (statement.inner) {
        const Verdict inner = of_inner(statement);
        leave(inner.leaves);
        verdict_.needs_facts = verdict_.needs_facts || inner.needs_facts;
    }
}

void Judge::function(const sql::FunctionRef& ref) {
    if (lists_.writes(ref.schema, ref.name)) writes(Reason::WriteFunction, ref.name);
    if (lists_.reads(ref.schema, ref.name)) return;
    const bool may_be_builtin = ref.schema.empty() || ref.schema == "pg_catalog";
    if (facts_ == nullptr) return function_without_facts(ref, may_be_builtin);
    const sql::FunctionFacts* known = facts_->function(ref.schema, ref.name);
    if (known != nullptr) {
        if (known->volatility == sql::Volatility::Volatile) writes(Reason::VolatileFunction, ref.name);
        // What built-in functions leave behind the analyzer knows by name.
        if (!known->builtin && !known->harmless) leave(Leaves::UnknownCode);
        return;
    }
    // PostgreSQL 15's grammar calls functions by names that other releases do not have (pg_catalog.extract),
    // and a cast may be written like a call.
    if (ref.schema == "pg_catalog" || (may_be_builtin && sql::is_builtin_type(ref.name))) return;
    writes(Reason::UnknownFunction, ref.name);
    leave(Leaves::UnknownCode);
    verdict_.needs_facts = true;
}

void Judge::function_without_facts(const sql::FunctionRef& ref, bool may_be_builtin) {
    if (may_be_builtin && (sql::volatile_builtin(ref.name) != nullptr || ref.name == "set_config")) {
        return writes(Reason::VolatileFunction, ref.name);
    }
    if (ref.schema == "pg_catalog") return;
    writes(Reason::FactsMissing, ref.name);
    verdict_.needs_facts = true;
    if (!may_be_builtin || !sql::is_common_builtin(ref.name)) leave(Leaves::UnknownCode);
}

// Functions that a statement calls without naming them as such.
void Judge::unnamed(const sql::NameMap<sql::FunctionFacts>& known, const std::vector<std::string>& names,
                    Reason reason) {
    if (known.empty()) return;
    for (const std::string& name : names) {
        const auto found = known.find(name);
        if (found == known.end()) continue;
        if (found->second.volatility == sql::Volatility::Volatile) writes(reason, name);
        if (!found->second.harmless) leave(Leaves::UnknownCode);
    }
}

// Input functions of types are C code; user code may run in a cast (CREATE CAST, CHECK of a domain). What
// that leaves behind counts for all statements: casts and domains need not be named.
void Judge::type(const sql::TypeRef& ref) {
    if (facts_ == nullptr) {
        writes(Reason::FactsMissing, ref.name);
        verdict_.needs_facts = true;
        return;
    }
    const sql::TypeFacts* known = facts_->type(ref.schema, ref.name);
    if (known == nullptr || !known->harmless) writes(Reason::UserType, ref.name);
}

void Judge::read_relation(const sql::RelationRef& ref) {
    if (sql::is_temp_schema(ref.schema)) return writes(Reason::TemporaryRelation, ref.name);
    if (is_system_schema(ref.schema)) return writes(Reason::SystemRelation, ref.name);
    const sql::RelationFacts* known = facts_ == nullptr ? nullptr : facts_->relation(ref.schema, ref.name);
    if (known != nullptr) {
        if (known->temporary) writes(Reason::TemporaryRelation, ref.name);
        if (known->unlogged) writes(Reason::UnloggedRelation, ref.name);
        if (known->system) return writes(Reason::SystemRelation, ref.name);
        if (!known->reads_volatile) return;
        writes(Reason::VolatileView, ref.name);
        return leave(Leaves::UnknownCode);
    }
    const bool looks_system = ref.schema.empty() && ref.name.substr(0, 3) == "pg_";
    if (looks_system) return writes(Reason::SystemRelation, ref.name);
    writes(facts_ == nullptr ? Reason::FactsMissing : Reason::UnknownRelation, ref.name);
    verdict_.needs_facts = true;
}

void Judge::written_relation(const sql::RelationRef& ref) {
    const sql::RelationFacts* known = facts_ == nullptr ? nullptr : facts_->relation(ref.schema, ref.name);
    if (known == nullptr) {
        verdict_.needs_facts = verdict_.needs_facts || !sql::is_temp_schema(ref.schema);
        return;
    }
    if (!known->writes_harmless) leave(Leaves::UnknownCode);
}

// ALTER may run for all rows what a write runs for one, but triggers and rules. What it creates is not known,
// nor need it be.
void Judge::rewritten_relation(const sql::RelationRef& ref) {
    const sql::RelationFacts* known = facts_ == nullptr ? nullptr : facts_->relation(ref.schema, ref.name);
    if (known != nullptr && ref.access == Access::Write && !known->rewrites_harmless)
        leave(Leaves::UnknownCode);
}

// A cursor that ends with its transaction reads where the transaction is.
void Judge::declare(const Statement& statement) {
    const Leaves leaves = verdict_.leaves;
    const bool holds = sql::has(leaves, Leaves::HoldCursor);
    verdict_ = of_inner(statement);
    leave(leaves);
    verdict_.retryable_read = false;
    if (verdict_.kind == Class::Read) is(holds ? Class::Write : Class::Read, Reason::Cursor);
}

// Planned where the statement would run. Planning executes functions that are not volatile, if their
// arguments are constant, and the arguments of EXECUTE.
void Judge::explain(const Statement& statement) {
    verdict_ = of_inner(statement);
    if (statement.inner->kind != Kind::Execute) {
        verdict_.leaves =
            sql::has(verdict_.leaves, Leaves::UnknownCode) ? Leaves::UnknownCode : Leaves::Nothing;
        verdict_.clears = Leaves::Nothing;
    }
    verdict_.is_ddl = false;
    verdict_.primary_only = false;
}

// The verdict on several statements in one request: what the most demanding of them needs.
void merge(Verdict& all, const Verdict& next) {
    const bool reads = all.kind == Class::Read && next.kind == Class::Read;
    const bool uncertain =
        (all.kind == Class::Read || all.uncertain) && (next.kind == Class::Read || next.uncertain);
    const bool keeps_reason = all.kind == Class::Write && next.kind == Class::Read;
    const bool takes_reason = all.kind == Class::Read && next.kind == Class::Write;
    if (takes_reason) {
        all.reason = next.reason;
        all.subject = next.subject;
    } else if (!reads && !keeps_reason) {
        all.reason = Reason::MixedBatch;
        all.subject.clear();
    }
    all.kind = reads ? Class::Read : Class::Write;
    all.leaves = all.leaves | next.leaves;
    all.clears = all.clears | next.clears;
    all.retryable_read = all.retryable_read && next.retryable_read;
    all.is_ddl = all.is_ddl || next.is_ddl;
    all.changes_logins = all.changes_logins || next.changes_logins;
    all.changes_verifiers = all.changes_verifiers || next.changes_verifiers;
    all.needs_facts = all.needs_facts || next.needs_facts;
    all.uncertain = !reads && uncertain;
    all.primary_only = all.primary_only || next.primary_only;
    all.replicated = more_demanding(all.replicated, next.replicated);
}

// Mode replication: nodes do not share them.
bool reads_system_columns(const sql::StatementInfo& info) {
    return std::any_of(info.statements.begin(), info.statements.end(), [](const Statement& statement) {
        return statement.reads_system_columns || (statement.inner && statement.inner->reads_system_columns);
    });
}

}  // namespace

Verdict classify(const sql::StatementInfo& info, const sql::CatalogFacts* facts,
                 const RoutingFunctions& functions) {
    if (info.statements.empty()) {
        Verdict nothing;
        nothing.kind = Class::Nothing;
        nothing.reason = Reason::EmptyQuery;
        nothing.leaves = Leaves::Nothing;
        return nothing;
    }
    Verdict all = Judge(facts, functions).judge(info.statements.front());
    for (std::size_t i = 1; i < info.statements.size(); ++i) {
        merge(all, Judge(facts, functions).judge(info.statements[i]));
    }
    if (functions.is_replicated()) {
        all.replicated =
            std::make_shared<const replication::Classified>(replication::classify_write(info, facts));
        all.needs_facts = all.needs_facts || all.replicated->needs_facts;
        if (all.kind == Class::Read && reads_system_columns(info)) {
            all.kind = Class::Write;
            all.reason = Reason::SystemRelation;
            all.subject = "system columns";
            all.retryable_read = false;
        }
    }
    return all;
}

ClassifiedPtr more_demanding(const ClassifiedPtr& one, const ClassifiedPtr& other) {
    if (!one || !other) return one ? one : other;
    return one->kind < other->kind ? other : one;
}

Verdict classify_execute(const sql::StatementInfo& execute, const Verdict& prepared,
                         const sql::CatalogFacts* facts, const RoutingFunctions& functions) {
    sql::StatementInfo arguments = execute;
    for (Statement& statement : arguments.statements) statement.kind = Kind::Select;
    Verdict all = classify(arguments, facts, functions);
    merge(all, prepared);
    if (prepared.replicated) {
        all.replicated = std::make_shared<const replication::Classified>(
            replication::classify_execute(execute.statements.front(), *prepared.replicated, facts));
    }
    return all;
}

Verdict learned_write(Verdict verdict) {
    verdict.kind = Class::Write;
    verdict.reason = Reason::LearnedWrite;
    verdict.subject.clear();
    verdict.retryable_read = false;
    verdict.uncertain = false;
    return verdict;
}

const Verdict& cached_verdict(CachedVerdict& slot, const sql::StatementInfo& info,
                              const sql::CatalogFacts* facts, const RoutingFunctions& functions,
                              std::uint64_t config_version) {
    const std::uint64_t facts_version = facts == nullptr ? 0 : facts->version;
    if (slot.valid && slot.facts_version == facts_version && slot.config_version == config_version) {
        return slot.verdict;
    }
    slot.verdict = classify(info, facts, functions);
    if (slot.learned_write) slot.verdict = learned_write(std::move(slot.verdict));
    slot.facts_version = facts_version;
    slot.config_version = config_version;
    slot.valid = true;
    return slot.verdict;
}

const char* to_string(Class kind) {
    constexpr auto kNames =
        std::to_array<const char*>({"nothing", "read", "write", "transaction", "session", "own"});
    static_assert(kNames.size() == static_cast<std::size_t>(Class::Own) + 1);
    return kNames.at(static_cast<std::size_t>(kind));
}

const char* to_string(Reason reason) {
    constexpr auto kNames = std::to_array<const char*>({
        "empty query",
        "reads only",
        "controls the transaction",
        "is about the session",
        "is a command of the proxy",
        "not understood",
        "modifies data",
        "changes the catalogs",
        "locks rows",
        "is a utility command",
        "uses a file or program of the server",
        "declares a cursor",
        "uses a prepared statement",
        "several statements that do not all read",
        "calls a function that the configuration lists as writing",
        "calls a volatile function",
        "uses a volatile operator",
        "calls an unknown function",
        "uses an operator outside pg_catalog",
        "casts to a type that may run user code",
        "reads a temporary table",
        "reads an unlogged table",
        "reads the system catalogs",
        "reads a view that calls volatile functions",
        "reads an unknown relation",
        "catalog facts not loaded yet",
        "was refused by a standby before",
    });
    static_assert(kNames.size() == static_cast<std::size_t>(Reason::LearnedWrite) + 1);
    return kNames.at(static_cast<std::size_t>(reason));
}

std::string describe(const Verdict& verdict) {
    std::string out = std::string(to_string(verdict.kind)) + ": " + to_string(verdict.reason);
    if (!verdict.subject.empty()) out += " (" + verdict.subject + ")";
    return out;
}

}  // namespace pgpool::route
