// SPDX-License-Identifier: PostgreSQL
#include "proxy/sql/statement_reader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "proxy/sql/builtin.h"
#include "proxy/sql/change_reader.h"
#include "proxy/sql/raw_tree.h"
#include "proxy/sql/schema_elements.h"
#include "proxy/sql/settings.h"

namespace pgpool::sql {
namespace {

template <typename Ref>
void sort_unique(std::vector<Ref>& refs) {
    const auto key = [](const Ref& ref) {
        if constexpr (std::is_same_v<Ref, std::string>) return std::tie(ref);
        if constexpr (std::is_same_v<Ref, RelationRef>) return std::tie(ref.schema, ref.name, ref.access);
        if constexpr (std::is_same_v<Ref, FunctionRef>) return std::tie(ref.schema, ref.name, ref.arguments);
        if constexpr (std::is_same_v<Ref, TypeRef>) return std::tie(ref.schema, ref.name);
    };
    std::sort(refs.begin(), refs.end(), [&](const Ref& a, const Ref& b) { return key(a) < key(b); });
    refs.erase(std::unique(refs.begin(), refs.end()), refs.end());
}

bool is_serial(const TypeName* type) {
    constexpr auto kSerial = std::to_array<std::string_view>(
        {"bigserial", "serial", "serial2", "serial4", "serial8", "smallserial"});
    return std::find(kSerial.begin(), kSerial.end(), qualified_name(type->names).name) != kSerial.end();
}

bool names_schemas(const Statement& statement) {
    const auto& all = statement.relations;
    return std::none_of(all.begin(), all.end(), [](const RelationRef& ref) { return ref.schema.empty(); });
}

// By its name. What it computes by it takes to be IMMUTABLE.
bool is_named_index(const IndexStmt* node) {
    return node->idxname != nullptr && !node->if_not_exists;
}

bool is_named_trigger(const CreateTrigStmt* node) {
    return !node->replace && Elements(node->funcname).size() > 1 && node->constrrel == nullptr;
}

// By its name; what a foreign key refers to has its schema.
bool is_named_constraint(const void* node) {
    if (!is(node, T_Constraint)) return false;
    const auto* constraint = as<Constraint>(node);
    const ConstrType kind = constraint->contype;
    const bool is_plain = kind == CONSTR_PRIMARY || kind == CONSTR_UNIQUE || kind == CONSTR_CHECK ||
                          (kind == CONSTR_FOREIGN && constraint->pktable->schemaname != nullptr);
    return is_plain && constraint->conname != nullptr;
}

// All of it, as a dump has it behind the rows.
bool changes_known_table(const AlterTableStmt* node) {
    const Elements commands(node->cmds);
    return !node->missing_ok && std::all_of(commands.begin(), commands.end(), [&](const ListCell& cell) {
        const auto* command = as<AlterTableCmd>(cell.ptr_value);
        switch (command->subtype) {
            case AT_AddConstraint:
                return is_named_constraint(command->def);
            case AT_AttachPartition:  // of a table it may make indexes, and find names for them
                return node->objtype == OBJECT_INDEX;
            case AT_ChangeOwner:
            case AT_ClusterOn:
            case AT_EnableRowSecurity:
            case AT_EnableTrig:
            case AT_ForceRowSecurity:
            case AT_ReplicaIdentity:
            case AT_SetStatistics:
                return true;
            default:
                return false;
        }
    });
}

// A part has triggers of its own, and a default may call any function.
bool leads_elsewhere(const AlterTableCmd* command) {
    switch (command->subtype) {
        case AT_AttachPartition:
        case AT_AddInherit:
            return true;
        case AT_ColumnDefault:
            return command->def != nullptr && !is(command->def, T_A_Const);
        default:
            return false;
    }
}

bool is_shared_object(ObjectType type) {
    return type == OBJECT_ROLE || type == OBJECT_DATABASE || type == OBJECT_TABLESPACE ||
           type == OBJECT_PARAMETER_ACL;
}

// Of what all databases have in common. DROP OWNED and REASSIGN OWNED reach that too.
bool changes_shared(const void* node) {
    switch (tag_of(node)) {
        case T_CreateRoleStmt:
        case T_AlterRoleStmt:
        case T_AlterRoleSetStmt:
        case T_DropRoleStmt:
        case T_GrantRoleStmt:
        case T_DropOwnedStmt:
        case T_ReassignOwnedStmt:
        case T_CreatedbStmt:
        case T_DropdbStmt:
        case T_AlterDatabaseStmt:
        case T_AlterDatabaseSetStmt:
            return true;
        case T_RenameStmt:
            return is_shared_object(as<RenameStmt>(node)->renameType);
        case T_AlterOwnerStmt:
            return is_shared_object(as<AlterOwnerStmt>(node)->objectType);
        case T_GrantStmt:
            return is_shared_object(as<GrantStmt>(node)->objtype);
        default:
            return false;
    }
}

bool is_of_relation(ObjectType type) {
    constexpr auto kTypes = std::to_array<ObjectType>(
        {OBJECT_COLUMN, OBJECT_FOREIGN_TABLE, OBJECT_INDEX, OBJECT_MATVIEW, OBJECT_POLICY, OBJECT_RULE,
         OBJECT_SEQUENCE, OBJECT_TABCONSTRAINT, OBJECT_TABLE, OBJECT_TRIGGER, OBJECT_VIEW});
    return std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

// What hangs on it by CASCADE may be anything.
bool changes_relations_only(const void* node) {
    switch (tag_of(node)) {
        case T_CreateStmt:
        case T_CreateForeignTableStmt:
        case T_CreateTableAsStmt:
        case T_CreateSchemaStmt:
        case T_CreateSeqStmt:
        case T_AlterSeqStmt:
        case T_ViewStmt:
        case T_IndexStmt:
        case T_CreateTrigStmt:
        case T_RuleStmt:
        case T_CreatePolicyStmt:
        case T_AlterPolicyStmt:
            return true;
        case T_DropStmt:
            return as<DropStmt>(node)->behavior != DROP_CASCADE &&
                   is_of_relation(as<DropStmt>(node)->removeType);
        case T_RenameStmt:
            return is_of_relation(as<RenameStmt>(node)->renameType);
        case T_AlterTableStmt: {
            const Elements commands(as<AlterTableStmt>(node)->cmds);
            return is_of_relation(as<AlterTableStmt>(node)->objtype) &&
                   std::none_of(commands.begin(), commands.end(), [](const ListCell& cell) {
                       return as<AlterTableCmd>(cell.ptr_value)->behavior == DROP_CASCADE;
                   });
        }
        default:
            return false;
    }
}

// Nobody may have said how a sequence or an index that it makes is called.
bool may_find_names(const void* node) {
    switch (tag_of(node)) {
        case T_CreateStmt:
        case T_CreateForeignTableStmt:
        case T_ImportForeignSchemaStmt:
        case T_IndexStmt:
        case T_AlterTableStmt:
        case T_CreateExtensionStmt:
        case T_AlterExtensionStmt:
            return true;
        case T_CreateSchemaStmt:
            return as<CreateSchemaStmt>(node)->schemaElts != nullptr;
        default:
            return false;
    }
}

constexpr int kRowShareLock = 2;  // lockdefs.h: of the modes of LOCK only ACCESS SHARE is weaker

// What stands in its list of expressions runs as often as FROM and WHERE give rows.
bool runs_by_row(const SelectStmt* node) {
    return node->groupClause == nullptr && node->havingClause == nullptr && node->valuesLists == nullptr &&
           node->withClause == nullptr && node->limitCount == nullptr && node->limitOffset == nullptr &&
           node->larg == nullptr && node->intoClause == nullptr;
}

bool runs_once(const SelectStmt* node) {
    return node->fromClause == nullptr && node->whereClause == nullptr && runs_by_row(node);
}

bool is_column(const void* node, std::string_view name) {
    if (!is(node, T_ColumnRef)) return false;
    const Elements fields(as<ColumnRef>(node)->fields);
    return fields.size() == 1 && is(fields.at(0), T_String) && as<String>(fields.at(0))->sval == name;
}

// SELECT ... FROM pg_settings WHERE name = '...': that name; pg_dump asks so whether the server has it. Null:
// it is something else.
const char* setting_looked_for(const SelectStmt* node) {
    const Elements from(node->fromClause);
    if (!runs_by_row(node) || from.size() != 1 || !is(from.at(0), T_RangeVar) ||
        node->distinctClause != nullptr || node->lockingClause != nullptr || node->sortClause != nullptr)
        return nullptr;
    const auto* view = as<RangeVar>(from.at(0));
    const bool is_plain = view->alias == nullptr && is_builtin_schema(text_of(view->schemaname)) &&
                          text_of(view->relname) == "pg_settings";
    if (!is_plain || !is(node->whereClause, T_A_Expr)) return nullptr;
    const auto* condition = as<A_Expr>(node->whereClause);
    const bool is_equality = condition->kind == AEXPR_OP && Elements(condition->name).size() == 1 &&
                             qualified_name(condition->name).name == "=";
    const bool is_by_name =
        is_equality && is_column(condition->lexpr, "name") && is(condition->rexpr, T_A_Const);
    return is_by_name ? string_value(constant(condition->rexpr)) : nullptr;
}

// Fills one Statement from one parse tree.
class StatementReader {
public:
    StatementReader(Statement& out, Findings& findings) : out_(out), findings_(findings) {}

    void read(const void* node);

private:
    bool read_session_command(const void* node);
    bool read_bulk_command(const void* node);
    bool read_definition(const void* node);
    void query(const void* node, Kind kind);
    static bool calls_once(const SelectStmt* node);
    std::vector<const void*> replayable_set_config(const SelectStmt* node);
    bool set_config_change(const FuncCall* call, const char* looked_for);
    void copy(const CopyStmt* node);
    void explain(const ExplainStmt* node);
    void transaction(const TransactionStmt* node);
    void transaction_options(const List* options);
    void set(const VariableSetStmt* node);
    void set_multi(const VariableSetStmt* node);
    void stored_setting(const VariableSetStmt* node);
    void stored_settings(const List* options);
    void set_transaction_setting(const std::string& name, const A_Const* value);
    void session_characteristics();
    bool is_as_written(std::string_view value);
    bool append_value(std::string& to, const void* arg);
    void discard(DiscardMode mode);
    void table_elements(const CreateStmt* node);
    void created_database(const CreatedbStmt* node);
    void alter_table(const AlterTableStmt* node);
    void run_over_rows(const void* definition);
    void password(const List* options);
    void drop(const DropStmt* node);
    void maintenance(const RangeVar* relation, bool outside_transaction_only);
    void stored(const void* node);
    void stored_default(const AlterTableCmd* node);
    void stored_constraint(const void* node, const TypeName* type);
    void stored_elements(const List* elements, const TypeName* type);
    void stored_body(const void* node);
    void stored_rule(const RuleStmt* node);
    void stored_function(const CreateFunctionStmt* node);
    void schema_elements(const CreateSchemaStmt* node);
    void bounds(const PartitionBoundSpec* node);
    void calls_of(const void* expression);
    void partition_key(const CreateStmt* node);
    void valid_until(const List* options);
    void expression(const void* node) {
        if (node != nullptr) walk_query(node, out_, findings_);
    }
    void relation(const RangeVar* node, Access access);
    void relations(const List* list, Access access);
    void created(const RangeVar* node);
    void created(const List* name);
    void inner(const void* node);
    void leave_what_inner_leaves();
    void command(Kind kind, const char* name) {
        out_.kind = kind;
        out_.name = text_of(name);
    }
    void leave(Leaves leaves) { out_.leaves = out_.leaves | leaves; }

    Statement& out_;
    Findings& findings_;
};

void StatementReader::read(const void* node) {
    switch (tag_of(node)) {
        case T_SelectStmt:
            query(node, Kind::Select);
            break;
        case T_InsertStmt:
            query(node, Kind::Insert);
            break;
        case T_UpdateStmt:
            query(node, Kind::Update);
            break;
        case T_DeleteStmt:
            query(node, Kind::Delete);
            break;
        case T_MergeStmt:
            query(node, Kind::Merge);
            break;
        case T_CopyStmt:
            copy(as<CopyStmt>(node));
            break;
        case T_ExplainStmt:
            explain(as<ExplainStmt>(node));
            break;
        case T_TransactionStmt:
            transaction(as<TransactionStmt>(node));
            break;
        case T_VariableSetStmt:
            set(as<VariableSetStmt>(node));
            break;
        default:
            if (!read_session_command(node) && !read_bulk_command(node) && !read_definition(node)) {
                out_.kind = Kind::Ddl;
                out_.writes = true;
                out_.is_remark = is(node, T_CommentStmt) || is(node, T_SecLabelStmt);
            }
            out_.is_shared = changes_shared(node);
            out_.is_of_relations = changes_relations_only(node);
            out_.finds_names = !out_.is_settled && may_find_names(node);
    }
    sort_unique(out_.relations);
    sort_unique(out_.functions);
    sort_unique(out_.types);
    sort_unique(out_.operators);
    sort_unique(out_.fields);
    sort_unique(out_.columns);
}

void StatementReader::query(const void* node, Kind kind) {
    out_.kind = kind;
    std::vector<const void*> replayable;
    if (kind == Kind::Select) replayable = replayable_set_config(as<SelectStmt>(node));
    out_.calls_once = kind == Kind::Select && calls_once(as<SelectStmt>(node));
    walk_query(node, out_, findings_, replayable);
}

// SELECT f(1, $1, 'x'::bytea).
bool StatementReader::calls_once(const SelectStmt* node) {
    const Elements targets(node->targetList);
    if (!runs_once(node) || targets.size() != 1 || node->distinctClause != nullptr ||
        node->lockingClause != nullptr || node->sortClause != nullptr || !is(targets.at(0), T_ResTarget))
        return false;
    const Node* value = as<ResTarget>(targets.at(0))->val;
    if (!is(value, T_FuncCall)) return false;
    const auto* call = as<FuncCall>(value);
    const Elements arguments(call->args);
    const bool is_plain = call->agg_order == nullptr && call->agg_filter == nullptr &&
                          call->over == nullptr && !call->agg_star && !call->agg_distinct &&
                          !call->func_variadic;
    return is_plain && std::all_of(arguments.begin(), arguments.end(), [](const ListCell& cell) {
               const void* given = cell.ptr_value;
               if (is(given, T_TypeCast)) given = as<TypeCast>(given)->arg;
               return is(given, T_A_Const) || is(given, T_ParamRef);
           });
}

// set_config() is as good as SET only where it runs exactly once: in a plain list of expressions, or for the
// one row of pg_settings, if there is one.
std::vector<const void*> StatementReader::replayable_set_config(const SelectStmt* node) {
    std::vector<const void*> calls;
    const char* looked_for = setting_looked_for(node);
    if (looked_for == nullptr && !runs_once(node)) return calls;
    for (const ListCell& cell : Elements(node->targetList)) {
        if (!is(cell.ptr_value, T_ResTarget)) continue;
        const Node* value = as<ResTarget>(cell.ptr_value)->val;
        if (!is(value, T_FuncCall)) continue;
        const QualifiedName called = qualified_name(as<FuncCall>(value)->funcname);
        if (called.name != "set_config" || !is_builtin_schema(called.schema)) continue;
        if (set_config_change(as<FuncCall>(value), looked_for)) calls.push_back(value);
    }
    out_.sets_if_found = looked_for != nullptr && !calls.empty();
    return calls;
}

bool StatementReader::set_config_change(const FuncCall* call, const char* looked_for) {
    const Elements args(call->args);
    if (args.size() != 3) return false;
    const bool is_looked_for = looked_for != nullptr && is_column(args.at(0), "name");
    const char* name = is_looked_for ? looked_for : string_value(constant(args.at(0)));
    const A_Const* value = constant(args.at(1));
    const std::optional<bool> local = bool_value(constant(args.at(2)));
    if (name == nullptr || value == nullptr || !local) return false;
    SettingChange change;
    change.name = to_lower_ascii(name);
    change.scope = *local ? Scope::Local : Scope::Session;
    if (change.name.substr(0, 12) == "transaction_") return false;
    if (value->isnull) {
        change.act = SettingChange::Act::Reset;
    } else {
        const char* given = string_value(value);
        if (given == nullptr) return false;
        if (!is_as_written(given)) return false;
        std::optional<std::string> value_sql = set_config_value(change.name, given);
        if (!value_sql) return false;
        change.value_sql = std::move(*value_sql);
        if (change.name == "search_path" && change.value_sql.find("pg_temp") != std::string::npos) {
            leave(Leaves::TempObject);
        }
    }
    out_.settings.push_back(std::move(change));
    return true;
}

void StatementReader::copy(const CopyStmt* node) {
    const bool client = node->filename == nullptr && !node->is_program;
    if (node->query != nullptr) walk_query(node->query, out_, findings_);
    if (node->whereClause != nullptr) walk_query(node->whereClause, out_, findings_);
    out_.kind = node->is_from ? Kind::CopyFrom : Kind::CopyTo;
    out_.writes = out_.writes || node->is_from;
    out_.from_stdin = node->is_from && client;
    out_.to_stdout = !node->is_from && client;
    if (node->is_from) {
        std::vector<const void*> rest;
        ChangeReader(findings_.sql, out_, rest).copy(node);
        findings_.depends_on_literals |= node->options != nullptr;
    }
    relation(node->relation, node->is_from ? Access::Write : Access::Read);
}

void StatementReader::explain(const ExplainStmt* node) {
    findings_.depends_on_literals = findings_.depends_on_literals || has_values(node->options);
    if (option_is_on(node->options, "analyze")) {
        read(node->query);
        out_.explained = true;
        return;
    }
    out_.kind = Kind::Explain;
    inner(node->query);
}

void StatementReader::transaction(const TransactionStmt* node) {
    constexpr auto kKinds = std::to_array<Kind>(
        {Kind::Begin, Kind::Begin, Kind::Commit, Kind::Rollback, Kind::Savepoint, Kind::ReleaseSavepoint,
         Kind::RollbackToSavepoint, Kind::PrepareTransaction, Kind::CommitPrepared, Kind::RollbackPrepared});
    command(kKinds.at(static_cast<std::size_t>(node->kind)),
            node->gid != nullptr ? node->gid : node->savepoint_name);
    transaction_options(node->options);
    out_.transaction.chain = node->chain;
    out_.transaction.start_word = node->kind == TRANS_STMT_START;
    if (node->gid != nullptr) findings_.depends_on_literals = true;
    out_.outside_transaction_only = out_.kind == Kind::CommitPrepared || out_.kind == Kind::RollbackPrepared;
}

void StatementReader::transaction_options(const List* options) {
    for (const ListCell& cell : Elements(options)) {
        const auto* option = as<DefElem>(cell.ptr_value);
        set_transaction_setting(option->defname, constant(option->arg));
    }
}

void StatementReader::set_transaction_setting(const std::string& name, const A_Const* value) {
    if (name == "transaction_isolation") out_.transaction.isolation = isolation_value(string_value(value));
    if (name == "transaction_read_only") out_.transaction.read_only = bool_value(value);
    if (name == "transaction_deferrable") out_.transaction.deferrable = bool_value(value);
}

void StatementReader::set(const VariableSetStmt* node) {
    findings_.depends_on_literals = true;
    out_.kind = Kind::Set;
    if (node->kind == VAR_SET_MULTI) return set_multi(node);
    SettingChange change;
    change.scope = node->is_local ? Scope::Local : Scope::Session;
    if (node->kind == VAR_RESET_ALL) {
        change.act = SettingChange::Act::ResetAll;
        out_.settings.push_back(std::move(change));
        return;
    }
    change.name = to_lower_ascii(node->name);
    if (change.name.substr(0, 12) == "transaction_") {
        out_.kind = Kind::SetTransaction;
        if (node->args != nullptr) set_transaction_setting(change.name, constant(Elements(node->args).at(0)));
        return;
    }
    bool replayable = node->kind != VAR_SET_CURRENT;
    if (node->kind == VAR_SET_DEFAULT || node->kind == VAR_RESET) change.act = SettingChange::Act::Reset;
    for (const ListCell& cell : Elements(node->args)) {
        replayable = append_value(change.value_sql, cell.ptr_value) && replayable;
    }
    if (change.name == "search_path" && change.value_sql.find("pg_temp") != std::string::npos) {
        leave(Leaves::TempObject);
    }
    if (replayable) {
        out_.settings.push_back(std::move(change));
    } else {
        leave(Leaves::UnknownSetting);
        out_.name = std::move(change.name);
    }
}

// Strings outside ASCII that escapes produced are in the library's encoding, not in the client's. The text is
// searched once for all of them: what is not found ends the search.
bool StatementReader::is_as_written(std::string_view value) {
    if (!has_high_byte(value)) return true;
    const std::string_view rest = findings_.sql.substr(findings_.written_from);
    const void* found =
        memmem(rest.data(), rest.size(), value.data(), value.size());  // linear, unlike find()
    findings_.written_from =
        found != nullptr ? static_cast<std::size_t>(static_cast<const char*>(found) - findings_.sql.data())
                         : findings_.sql.size();
    return found != nullptr;
}

bool StatementReader::append_value(std::string& to, const void* arg) {
    if (!is(arg, T_A_Const) || as<A_Const>(arg)->isnull) return false;
    const auto* value = as<A_Const>(arg);
    if (!to.empty()) to += ", ";
    switch (value->val.node.type) {
        case T_Integer:
            to += std::to_string(value->val.ival.ival);
            return true;
        case T_Float:
            to += value->val.fval.fval;
            return true;
        case T_String: {
            const std::string_view given = value->val.sval.sval;
            to += quote_literal(given);
            return is_as_written(given);
        }
        default:
            return false;
    }
}

void StatementReader::set_multi(const VariableSetStmt* node) {
    const std::string_view what = node->name;
    out_.kind = Kind::SetTransaction;
    if (what == "TRANSACTION SNAPSHOT") {
        out_.imports_snapshot = true;
        return;
    }
    transaction_options(node->args);
    if (what == "SESSION CHARACTERISTICS") session_characteristics();
}

void StatementReader::session_characteristics() {
    constexpr auto kLevels =
        std::to_array<const char*>({"read uncommitted", "read committed", "repeatable read", "serializable"});
    const auto add = [this](const char* name, const char* value) {
        out_.settings.push_back({SettingChange::Act::Set, Scope::Session, name, quote_literal(value)});
    };
    const TransactionOptions options = std::exchange(out_.transaction, {});
    out_.kind = Kind::Set;
    if (options.isolation) {
        add("default_transaction_isolation", kLevels.at(static_cast<std::size_t>(*options.isolation)));
    }
    if (options.read_only) add("default_transaction_read_only", *options.read_only ? "on" : "off");
    if (options.deferrable) add("default_transaction_deferrable", *options.deferrable ? "on" : "off");
}

void StatementReader::discard(DiscardMode mode) {
    out_.kind = Kind::Discard;
    switch (mode) {
        case DISCARD_ALL:
            out_.name = "all";
            out_.outside_transaction_only = true;
            out_.clears = Leaves::TempObject | Leaves::Listen | Leaves::HoldCursor | Leaves::AdvisoryLock |
                          Leaves::UnknownCode | Leaves::UnknownSetting;
            for (const char* kept_by_reset_all : {"session_authorization", "role"}) {
                out_.settings.push_back({SettingChange::Act::Reset, Scope::Session, kept_by_reset_all, {}});
            }
            out_.settings.push_back({SettingChange::Act::ResetAll, Scope::Session, {}, {}});
            return;
        case DISCARD_PLANS:
            out_.name = "plans";
            return;
        case DISCARD_SEQUENCES:
            out_.name = "sequences";
            return;
        case DISCARD_TEMP:
            out_.name = "temp";
            out_.clears = Leaves::TempObject;
            return;
    }
}

bool StatementReader::read_session_command(const void* node) {
    switch (tag_of(node)) {
        case T_VariableShowStmt:
            command(Kind::Show, as<VariableShowStmt>(node)->name);
            out_.name = to_lower_ascii(out_.name);
            return true;
        case T_PrepareStmt:
            command(Kind::Prepare, as<PrepareStmt>(node)->name);
            findings_.depends_on_literals = true;  // its place in the text is used
            inner(as<PrepareStmt>(node)->query);
            return true;
        case T_ExecuteStmt:
            if (as<ExecuteStmt>(node)->params != nullptr) {
                walk_query(as<ExecuteStmt>(node)->params, out_, findings_);
            }
            command(Kind::Execute, as<ExecuteStmt>(node)->name);
            return true;
        case T_DeallocateStmt:
            command(Kind::Deallocate, as<DeallocateStmt>(node)->name);
            return true;
        case T_DeclareCursorStmt:
            command(Kind::DeclareCursor, as<DeclareCursorStmt>(node)->portalname);
            inner(as<DeclareCursorStmt>(node)->query);
            leave_what_inner_leaves();
            if ((as<DeclareCursorStmt>(node)->options & CURSOR_OPT_HOLD) != 0) leave(Leaves::HoldCursor);
            return true;
        case T_FetchStmt:
            command(Kind::Fetch, as<FetchStmt>(node)->portalname);
            return true;
        case T_ClosePortalStmt:
            command(Kind::CloseCursor, as<ClosePortalStmt>(node)->portalname);
            if (out_.name.empty()) out_.clears = Leaves::HoldCursor;
            return true;
        case T_ListenStmt:
            command(Kind::Listen, as<ListenStmt>(node)->conditionname);
            leave(Leaves::Listen);
            return true;
        case T_UnlistenStmt:
            command(Kind::Unlisten, as<UnlistenStmt>(node)->conditionname);
            if (out_.name.empty()) out_.clears = Leaves::Listen;
            return true;
        case T_NotifyStmt:
            command(Kind::Notify, as<NotifyStmt>(node)->conditionname);
            return true;
        case T_DiscardStmt:
            discard(as<DiscardStmt>(node)->target);
            return true;
        case T_DoStmt:
            out_.kind = Kind::Do;
            leave(Leaves::UnknownCode);
            return true;
        case T_CallStmt:
            walk_query(as<CallStmt>(node)->funccall, out_, findings_);
            out_.kind = Kind::Call;
            leave(Leaves::UnknownCode);
            return true;
        case T_LoadStmt:
            out_.kind = Kind::Utility;
            out_.node_specific = "LOAD";
            leave(Leaves::UnknownCode);
            return true;
        case T_CheckPointStmt:
        case T_ConstraintsSetStmt:
            out_.kind = Kind::Utility;
            return true;
        case T_AlterSystemStmt:
            out_.kind = Kind::Utility;
            out_.node_specific = "ALTER SYSTEM";
            out_.outside_transaction_only = true;
            return true;
        default:
            return false;
    }
}

// Commands on whole tables. Tables given to LOCK count as Access::RowLock.
bool StatementReader::read_bulk_command(const void* node) {
    switch (tag_of(node)) {
        case T_LockStmt:
            out_.kind = Kind::Lock;
            out_.locks_as_reader = as<LockStmt>(node)->mode <= kRowShareLock;
            relations(as<LockStmt>(node)->relations, Access::RowLock);
            return true;
        case T_TruncateStmt:
            out_.kind = Kind::Truncate;
            out_.writes = true;
            out_.cascades = as<TruncateStmt>(node)->behavior == DROP_CASCADE;
            relations(as<TruncateStmt>(node)->relations, Access::Write);
            out_.is_settled = !out_.cascades && names_schemas(out_);
            return true;
        case T_VacuumStmt:
            maintenance(nullptr, as<VacuumStmt>(node)->is_vacuumcmd);
            for (const ListCell& cell : Elements(as<VacuumStmt>(node)->rels)) {
                relation(as<VacuumRelation>(cell.ptr_value)->relation, Access::Write);
            }
            return true;
        case T_ClusterStmt:
            maintenance(as<ClusterStmt>(node)->relation, as<ClusterStmt>(node)->relation == nullptr);
            return true;
        case T_ReindexStmt: {
            const auto* reindex = as<ReindexStmt>(node);
            const bool many = reindex->kind != REINDEX_OBJECT_INDEX && reindex->kind != REINDEX_OBJECT_TABLE;
            maintenance(reindex->relation, many || option_is_on(reindex->params, "concurrently"));
            findings_.depends_on_literals = findings_.depends_on_literals || has_values(reindex->params);
            return true;
        }
        case T_RefreshMatViewStmt:
            maintenance(as<RefreshMatViewStmt>(node)->relation, false);
            out_.computes_rows = !as<RefreshMatViewStmt>(node)->skipData;
            return true;
        default:
            return false;
    }
}

void StatementReader::maintenance(const RangeVar* node, bool outside_transaction_only) {
    out_.kind = Kind::Vacuum;
    out_.writes = true;
    out_.outside_transaction_only = outside_transaction_only;
    relation(node, Access::Write);
}

// DDL that names relations, may make temporary objects or may not run in a transaction; all other DDL is the
// caller's default.
bool StatementReader::read_definition(const void* node) {
    out_.kind = Kind::Ddl;
    out_.writes = true;
    switch (tag_of(node)) {
        case T_CreateStmt:
        case T_CreateForeignTableStmt:  // begins with a CreateStmt
            table_elements(as<CreateStmt>(node));
            return true;
        case T_CreateTableAsStmt: {
            const auto* create = as<CreateTableAsStmt>(node);
            if (create->objtype == OBJECT_TABLE) out_.kind = Kind::SelectInto;
            created(create->into->rel);
            out_.drops_at_commit = create->into->onCommit == ONCOMMIT_DROP;
            out_.computes_rows = !create->into->skipData;
            inner(create->query);
            leave_what_inner_leaves();
            if (create->objtype == OBJECT_MATVIEW) stored(create->query);
            return true;
        }
        case T_CreateSchemaStmt:
            schema_elements(as<CreateSchemaStmt>(node));
            return true;
        case T_ViewStmt:
            created(as<ViewStmt>(node)->view);
            inner(as<ViewStmt>(node)->query);
            stored(as<ViewStmt>(node)->query);
            return true;
        case T_CreateSeqStmt:
            created(as<CreateSeqStmt>(node)->sequence);
            return true;
        case T_AlterSeqStmt:
            relation(as<AlterSeqStmt>(node)->sequence, Access::Write);
            return true;
        case T_CompositeTypeStmt:
            created(as<CompositeTypeStmt>(node)->typevar);
            return true;
        case T_CreateEnumStmt:
            created(as<CreateEnumStmt>(node)->typeName);
            return true;
        case T_CreateRangeStmt:
            created(as<CreateRangeStmt>(node)->typeName);
            return true;
        case T_CreateDomainStmt:
            created(as<CreateDomainStmt>(node)->domainname);
            stored_elements(as<CreateDomainStmt>(node)->constraints, as<CreateDomainStmt>(node)->typeName);
            return true;
        case T_CreateFunctionStmt:
            created(as<CreateFunctionStmt>(node)->funcname);
            stored_function(as<CreateFunctionStmt>(node));
            return true;
        case T_DefineStmt:
            created(as<DefineStmt>(node)->defnames);
            return true;
        case T_IndexStmt:
            relation(as<IndexStmt>(node)->relation, Access::Write);
            out_.runs_over_rows = true;
            expression(as<IndexStmt>(node)->indexParams);
            expression(as<IndexStmt>(node)->whereClause);
            // PostgreSQL takes nothing there that is not IMMUTABLE.
            out_.varies = {};
            out_.cast_to_date.clear();
            out_.outside_transaction_only = as<IndexStmt>(node)->concurrent;
            out_.is_settled = names_schemas(out_) && is_named_index(as<IndexStmt>(node));
            if (as<IndexStmt>(node)->concurrent)
                out_.index = as<IndexStmt>(node)->idxname != nullptr ? as<IndexStmt>(node)->idxname : "";
            return true;
        case T_AlterTableStmt:
            alter_table(as<AlterTableStmt>(node));
            return true;
        case T_DropStmt:
            drop(as<DropStmt>(node));
            return true;
        case T_DropOwnedStmt:
        case T_ReassignOwnedStmt:
            out_.drops_others = true;
            return true;
        case T_AlterDomainStmt:
            run_over_rows(as<AlterDomainStmt>(node)->def);
            if (as<AlterDomainStmt>(node)->subtype == 'T') stored(as<AlterDomainStmt>(node)->def);
            return true;
        case T_RenameStmt:
            relation(as<RenameStmt>(node)->relation, Access::Write);
            out_.leads_elsewhere = as<RenameStmt>(node)->renameType != OBJECT_COLUMN;
            out_.changes_verifiers = as<RenameStmt>(node)->renameType == OBJECT_ROLE;
            if (as<RenameStmt>(node)->renameType == OBJECT_DATABASE)
                out_.database = {DatabaseUse::By::Change, as<RenameStmt>(node)->subname,
                                 as<RenameStmt>(node)->newname, false};
            return true;
        case T_AlterObjectSchemaStmt:
            relation(as<AlterObjectSchemaStmt>(node)->relation, Access::Write);
            return true;
        case T_CreateTrigStmt:
            relation(as<CreateTrigStmt>(node)->relation, Access::Write);
            out_.is_settled = names_schemas(out_) && is_named_trigger(as<CreateTrigStmt>(node));
            stored(as<CreateTrigStmt>(node)->whenClause);
            return true;
        case T_RuleStmt:
            relation(as<RuleStmt>(node)->relation, Access::Write);
            stored_rule(as<RuleStmt>(node));
            return true;
        case T_CreatePolicyStmt:
            relation(as<CreatePolicyStmt>(node)->table, Access::Write);
            out_.is_settled = names_schemas(out_);
            stored(as<CreatePolicyStmt>(node)->qual);
            stored(as<CreatePolicyStmt>(node)->with_check);
            return true;
        case T_AlterPolicyStmt:
            relation(as<AlterPolicyStmt>(node)->table, Access::Write);
            stored(as<AlterPolicyStmt>(node)->qual);
            stored(as<AlterPolicyStmt>(node)->with_check);
            return true;
        case T_GrantStmt:
            relations(as<GrantStmt>(node)->objects, Access::Write);
            return true;
        case T_CreateRoleStmt:
            password(as<CreateRoleStmt>(node)->options);
            valid_until(as<CreateRoleStmt>(node)->options);
            return true;
        case T_AlterRoleStmt:
            password(as<AlterRoleStmt>(node)->options);
            valid_until(as<AlterRoleStmt>(node)->options);
            out_.changes_verifiers = true;
            return true;
        case T_DropRoleStmt:
            out_.changes_verifiers = true;
            return true;
        case T_AlterRoleSetStmt:
            out_.changes_logins = true;
            stored_setting(as<AlterRoleSetStmt>(node)->setstmt);
            return true;
        case T_AlterDatabaseSetStmt:
            out_.changes_logins = true;
            stored_setting(as<AlterDatabaseSetStmt>(node)->setstmt);
            return true;
        case T_AlterFunctionStmt:
            stored_settings(as<AlterFunctionStmt>(node)->actions);
            return true;
        case T_CreatedbStmt:
            out_.outside_transaction_only = true;
            created_database(as<CreatedbStmt>(node));
            return true;
        case T_DropdbStmt:
            out_.outside_transaction_only = true;
            out_.database = {DatabaseUse::By::Drop,
                             as<DropdbStmt>(node)->dbname,
                             {},
                             as<DropdbStmt>(node)->options != nullptr};  // there is no other but FORCE
            return true;
        case T_CreateTableSpaceStmt:
        case T_DropTableSpaceStmt:
            out_.node_specific = "a tablespace is a directory of its node";
            out_.outside_transaction_only = true;
            return true;
        case T_CreateSubscriptionStmt:
        case T_DropSubscriptionStmt:
            out_.node_specific = "a subscription feeds one node";
            out_.outside_transaction_only = true;
            return true;
        case T_AlterSubscriptionStmt:
            out_.node_specific = "a subscription feeds one node";
            out_.outside_transaction_only =
                as<AlterSubscriptionStmt>(node)->kind == ALTER_SUBSCRIPTION_REFRESH;
            return true;
        case T_AlterDatabaseStmt:
            for (const ListCell& cell : Elements(as<AlterDatabaseStmt>(node)->options)) {
                const std::string_view option = as<DefElem>(cell.ptr_value)->defname;
                out_.outside_transaction_only = out_.outside_transaction_only || option == "tablespace";
            }
            if (out_.outside_transaction_only)
                out_.database = {DatabaseUse::By::Change, as<AlterDatabaseStmt>(node)->dbname, {}, false};
            return true;
        default:
            return false;
    }
}

void StatementReader::table_elements(const CreateStmt* node) {
    created(node->relation);
    out_.drops_at_commit = node->oncommit == ONCOMMIT_DROP;
    out_.derives = node->inhRelations != nullptr;
    relations(node->inhRelations, Access::Read);
    const bool is_temporary = has(out_.leaves, Leaves::TempObject);
    const auto constraint = [this](const void* element) {
        if (is(element, T_Constraint)) relation(as<Constraint>(element)->pktable, Access::Read);
    };
    for (const ListCell& cell : Elements(node->tableElts)) {
        constraint(cell.ptr_value);
        if (is(cell.ptr_value, T_TableLikeClause)) {
            const auto* like = as<TableLikeClause>(cell.ptr_value);
            relation(like->relation, Access::Read);
            out_.derives =
                out_.derives ||
                (like->options & (CREATE_TABLE_LIKE_DEFAULTS | CREATE_TABLE_LIKE_CONSTRAINTS)) != 0;
        }
        if (is_temporary) run_over_rows(cell.ptr_value);
        stored_constraint(cell.ptr_value, nullptr);
        if (!is(cell.ptr_value, T_ColumnDef)) continue;
        const auto* column = as<ColumnDef>(cell.ptr_value);
        stored_elements(column->constraints, column->typeName);
        for (const ListCell& own : Elements(column->constraints)) constraint(own.ptr_value);
    }
    out_.varies = {};  // there are no rows yet
    if (node->partspec != nullptr) {
        for (const ListCell& cell : Elements(node->partspec->partParams))
            stored(as<PartitionElem>(cell.ptr_value)->expr);
    }
    bounds(node->partbound);
    partition_key(node);
}

void StatementReader::created_database(const CreatedbStmt* node) {
    findings_.depends_on_literals = true;
    out_.database = {DatabaseUse::By::Create, "template1", node->dbname, false};
    for (const ListCell& cell : Elements(node->options)) {
        const auto* option = as<DefElem>(cell.ptr_value);
        if (std::strcmp(option->defname, "template") == 0 && is(option->arg, T_String))
            out_.database.emptied = as<String>(option->arg)->sval;
    }
}

void StatementReader::schema_elements(const CreateSchemaStmt* node) {
    for (const ListCell& cell : Elements(node->schemaElts)) {
        Statement element;
        StatementReader(element, findings_).read(cell.ptr_value);
        add_schema_element(out_, std::move(element), text_of(node->schemaname));
    }
}

void StatementReader::alter_table(const AlterTableStmt* node) {
    relation(node->relation, Access::Write);
    out_.runs_over_rows = true;
    for (const ListCell& cell : Elements(node->cmds)) {
        if (!is(cell.ptr_value, T_AlterTableCmd)) continue;
        const auto* command = as<AlterTableCmd>(cell.ptr_value);
        const Node* definition = command->def;
        run_over_rows(definition);
        out_.is_unlogged |= command->subtype == AT_SetUnLogged;
        out_.leads_elsewhere |= leads_elsewhere(command);
        if (command->subtype == AT_ColumnDefault) stored_default(command);
        if (command->subtype == AT_AlterColumnType) out_.columns.push_back(text_of(command->name));
        if (!is(definition, T_PartitionCmd)) continue;
        bounds(as<PartitionCmd>(definition)->bound);
        relation(as<PartitionCmd>(definition)->name, Access::Write);
        out_.outside_transaction_only =
            out_.outside_transaction_only || as<PartitionCmd>(definition)->concurrent;
    }
    out_.is_settled = changes_known_table(node) && names_schemas(out_);
}

// A server salts a clear password for itself; a verifier is stored as it is.
void StatementReader::password(const List* options) {
    for (const ListCell& cell : Elements(options)) {
        const auto* option = as<DefElem>(cell.ptr_value);
        if (std::strcmp(option->defname, "password") != 0 || !is(option->arg, T_String)) continue;
        const std::string_view given = as<String>(option->arg)->sval;
        findings_.depends_on_literals = true;
        const bool md5 = given.starts_with("md5") && given.size() == 35 &&
                         given.find_first_not_of("0123456789abcdef", 3) == std::string_view::npos;
        const bool scram = given.starts_with("SCRAM-SHA-256$") && given.find(':') != std::string_view::npos;
        if (!md5 && !scram) out_.node_specific = "each node salts a clear password differently";
    }
}

// An expression or query that is stored parsed: the literals of dates in it are constants from then on.
void StatementReader::stored(const void* node) {
    if (node == nullptr) return;
    Statement read;
    Findings found{.sql = findings_.sql};
    walk_query(node, read, found);
    out_.stores_moment |= read.names_moment;
    findings_.depends_on_literals |= read.has_strings;
}

// `type`: of the column whose default it may be. Text that says 'now' is text.
void StatementReader::stored_constraint(const void* node, const TypeName* type) {
    if (!is(node, T_Constraint)) return;
    const auto* constraint = as<Constraint>(node);
    if (constraint->contype == CONSTR_DEFAULT && type != nullptr) {
        const QualifiedName name = qualified_name(type->names);
        const bool is_plain = is_builtin_schema(name.schema) && is_builtin_type(name.name) &&
                              date_type(name.name) == DateType::No;
        if (is_plain && is(constraint->raw_expr, T_A_Const)) return;
    }
    stored(constraint->raw_expr);
}

// A literal alone takes the type of its column.
void StatementReader::stored_default(const AlterTableCmd* node) {
    if (string_literal(node->def, findings_.sql) != StringLiteral::Moving) return stored(node->def);
    out_.moving_literals.push_back({.column = text_of(node->name), .position = 0, .moving = true});
}

void StatementReader::stored_elements(const List* elements, const TypeName* type) {
    for (const ListCell& cell : Elements(elements)) stored_constraint(cell.ptr_value, type);
}

void StatementReader::stored_rule(const RuleStmt* node) {
    stored(node->whereClause);
    for (const ListCell& cell : Elements(node->actions)) stored_body(cell.ptr_value);
}

void StatementReader::stored_function(const CreateFunctionStmt* node) {
    for (const ListCell& cell : Elements(node->parameters)) {
        stored(as<FunctionParameter>(cell.ptr_value)->defexpr);
    }
    stored_body(node->sql_body);
    stored_settings(node->options);
}

void StatementReader::stored_settings(const List* options) {
    for (const ListCell& cell : Elements(options)) {
        const auto* option = as<DefElem>(cell.ptr_value);
        if (is(option->arg, T_VariableSetStmt)) stored_setting(as<VariableSetStmt>(option->arg));
    }
}

// What the session has at the moment. Some of that main alone has: see Session::settings_of_followers(), and
// how their transactions begin.
void StatementReader::stored_setting(const VariableSetStmt* node) {
    if (node->kind != VAR_SET_CURRENT) return;
    const std::string name = to_lower_ascii(node->name);
    if (is_time_limit(name)) out_.node_specific = "a time limit FROM CURRENT, which main alone has";
    if (name.starts_with("transaction_"))
        out_.node_specific = "how a transaction runs, FROM CURRENT, which main alone has";
}

// Statements, in lists of lists.
void StatementReader::stored_body(const void* node) {
    if (node == nullptr) return;
    switch (tag_of(node)) {
        case T_List:
            for (const ListCell& cell : Elements(as<List>(node))) stored_body(cell.ptr_value);
            return;
        case T_ReturnStmt:
            return stored(as<ReturnStmt>(node)->returnval);
        case T_SelectStmt:
        case T_InsertStmt:
        case T_UpdateStmt:
        case T_DeleteStmt:
            return stored(node);
        default:
            return;
    }
}

// Bounds of a partition are computed when it is made, functions too.
void StatementReader::bounds(const PartitionBoundSpec* node) {
    if (node == nullptr) return;
    for (const List* part : {node->listdatums, node->lowerdatums, node->upperdatums}) {
        if (part == nullptr) continue;
        stored(part);
        calls_of(part);
    }
}

// Of an expression whose value counts when the statement runs, or later without being named.
void StatementReader::calls_of(const void* expression) {
    Statement read;
    Findings found{.sql = findings_.sql};
    walk_query(expression, read, found);
    std::move(read.functions.begin(), read.functions.end(), std::back_inserter(out_.functions));
    if (!read.varies.empty()) out_.varies = read.varies;
}

// Enums and arrays of them are hashed by their numbers, which each node gives out for itself. A domain or
// composite may hold them; so may what is not a column of a type that is known.
void StatementReader::partition_key(const CreateStmt* node) {
    if (node->partspec == nullptr) return;
    for (const ListCell& cell : Elements(node->partspec->partParams)) {
        if (const void* expression = as<PartitionElem>(cell.ptr_value)->expr) calls_of(expression);
    }
    if (to_lower_ascii(text_of(node->partspec->strategy)) != "hash") return;
    const Elements elements(node->tableElts);
    const auto is_plain = [&elements](const char* name) {
        return std::any_of(elements.begin(), elements.end(), [name](const ListCell& cell) {
            if (!is(cell.ptr_value, T_ColumnDef) || name == nullptr) return false;
            const auto* column = as<ColumnDef>(cell.ptr_value);
            if (column->typeName == nullptr || std::strcmp(column->colname, name) != 0) return false;
            const QualifiedName type = qualified_name(column->typeName->names);
            const bool is_own = is_builtin_schema(type.schema) && is_builtin_type(type.name);
            return is_serial(column->typeName) || (is_own && !is_object_type(type.name));
        });
    };
    for (const ListCell& cell : Elements(node->partspec->partParams)) {
        out_.hashes_numbers |= !is_plain(as<PartitionElem>(cell.ptr_value)->name);
    }
}

void StatementReader::valid_until(const List* options) {
    for (const ListCell& cell : Elements(options)) {
        const auto* option = as<DefElem>(cell.ptr_value);
        if (std::strcmp(option->defname, "validUntil") != 0 || !is(option->arg, T_String)) continue;
        findings_.depends_on_literals = true;
        out_.stores_moment |= says_moment(as<String>(option->arg)->sval);
    }
}

// serial, or GENERATED AS IDENTITY.
static bool draws_from_sequence(const ColumnDef* column) {
    const Elements constraints(column->constraints);
    const bool identity = std::any_of(constraints.begin(), constraints.end(), [](const ListCell& cell) {
        return is(cell.ptr_value, T_Constraint) && as<Constraint>(cell.ptr_value)->contype == CONSTR_IDENTITY;
    });
    if (identity || column->typeName == nullptr) return identity;
    return is_serial(column->typeName);
}

// What ALTER computes for rows that are there: constraints, defaults, USING.
void StatementReader::run_over_rows(const void* definition) {
    if (is(definition, T_Constraint)) {
        relation(as<Constraint>(definition)->pktable, Access::Read);
        expression(as<Constraint>(definition)->raw_expr);
    }
    if (!is(definition, T_ColumnDef)) return;
    if (draws_from_sequence(as<ColumnDef>(definition))) {
        out_.varies = "a sequence that fills rows in the order of each node";
    } else {
        expression(as<ColumnDef>(definition)->typeName);
    }
    expression(as<ColumnDef>(definition)->raw_default);
    for (const ListCell& own : Elements(as<ColumnDef>(definition)->constraints)) run_over_rows(own.ptr_value);
}

void StatementReader::drop(const DropStmt* node) {
    out_.outside_transaction_only = node->concurrent;
    switch (node->removeType) {
        case OBJECT_TABLE:
        case OBJECT_VIEW:
        case OBJECT_MATVIEW:
        case OBJECT_FOREIGN_TABLE:
        case OBJECT_SEQUENCE:
        case OBJECT_INDEX:
            break;
        default:
            out_.drops_others = node->behavior == DROP_CASCADE;
            return;
    }
    for (const ListCell& cell : Elements(node->objects)) {
        if (!is(cell.ptr_value, T_List)) continue;
        QualifiedName name = qualified_name(as<List>(cell.ptr_value));
        out_.relations.push_back({std::move(name.schema), std::move(name.name), Access::Write});
    }
}

void StatementReader::relation(const RangeVar* node, Access access) {
    if (node == nullptr) return;
    out_.relations.push_back({text_of(node->schemaname), text_of(node->relname), access});
}

void StatementReader::relations(const List* list, Access access) {
    for (const ListCell& cell : Elements(list)) {
        if (is(cell.ptr_value, T_RangeVar)) relation(as<RangeVar>(cell.ptr_value), access);
    }
}

void StatementReader::created(const RangeVar* node) {
    relation(node, Access::Write);
    out_.creates = true;
    const bool temporary =
        node->relpersistence == 't' || (node->schemaname != nullptr && is_pg_temp(node->schemaname));
    if (temporary) leave(Leaves::TempObject);
    out_.is_unlogged = node->relpersistence == 'u';
}

void StatementReader::created(const List* name) {
    if (is_pg_temp(qualified_name(name).schema)) leave(Leaves::TempObject);
}

// A statement within this one. The grammar nests them one deep: EXPLAIN, PREPARE, DECLARE and CREATE TABLE AS
// take no statement that takes one, but for EXPLAIN of DECLARE and of CREATE TABLE AS.
void StatementReader::inner(const void* node) {
    auto statement = std::make_shared<Statement>();
    StatementReader(*statement, findings_).read(node);
    out_.inner = std::move(statement);
}

// Settings that it makes are not followed.
void StatementReader::leave_what_inner_leaves() {
    leave(out_.inner->leaves);
    if (!out_.inner->settings.empty()) leave(Leaves::UnknownSetting);
}

}  // namespace

void read_statement(const void* node, Statement& out, Findings& findings) {
    StatementReader(out, findings).read(node);
}

}  // namespace pgpool::sql
