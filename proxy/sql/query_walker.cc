// SPDX-License-Identifier: PostgreSQL
#include "proxy/sql/query_walker.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <initializer_list>
#include <utility>

#include "proxy/sql/builtin.h"
#include "proxy/sql/change_reader.h"
#include "proxy/sql/raw_tree.h"

namespace pgpool::sql {
namespace {

bool is_system_column(std::string_view name) {
    constexpr auto kNames =
        std::to_array<std::string_view>({"cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"});
    return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

// Walks one query (SELECT, VALUES, INSERT, UPDATE, DELETE, MERGE) or expression into a Statement. Nodes that
// are still to be looked at wait in a list, so depth of nesting takes no stack.
class QueryWalker {
public:
    QueryWalker(Statement& out, Findings& findings, const std::vector<const void*>& replayable)
        : out_(out), findings_(findings), replayable_(replayable) {}

    void walk(const void* root) {
        root_ = root;
        push(root);
        while (!pending_.empty()) {
            current_ = pending_.back();
            pending_.pop_back();
            const std::size_t mark = pending_.size();
            visit(current_.node);
            std::reverse(pending_.begin() + static_cast<std::ptrdiff_t>(mark), pending_.end());
        }
    }

private:
    static constexpr int kNoScope = -1;
    static constexpr std::size_t kMostCtes = 256;  // each relation is compared with all of them

    // A name that WITH defines; scopes are chains of them.
    struct CteName {
        const char* name;
        int outer;
    };
    struct Pending {
        const void* node = nullptr;
        int scope = kNoScope;
        Access access = Access::Read;  // of the relations named below
    };

    void push(const void* node) { push(node, current_.scope, current_.access); }
    void push(const void* node, int scope, Access access) {
        if (node != nullptr) pending_.push_back({node, scope, access});
    }

    // C calls this back: it must not throw, so running out of memory here ends the process.
    static bool push_child(Node* node, void* walker) noexcept {
        static_cast<QueryWalker*>(walker)->push(node);
        return false;
    }

    void push_children(const void* node) {
        // The walker only reads; its parameter is not const for the sake of its other users.
        raw_expression_tree_walker(const_cast<Node*>(as<Node>(node)),
                                   reinterpret_cast<bool (*)()>(reinterpret_cast<void (*)()>(&push_child)),
                                   this);
    }

    void visit(const void* node);
    void select(const SelectStmt* node);
    void insert(const InsertStmt* node);
    void update(const UpdateStmt* node);
    void remove(const DeleteStmt* node);
    void merge(const MergeStmt* node);
    void relation(const RangeVar* node, Access access);
    void expression(const A_Expr* node);
    bool settle(const void* column, const void* value);
    void literal(const void* node);
    void parameter(const void* node);
    void cast(const TypeCast* node);
    void cast_to_date(const void* value);
    void cast_to_dates(const void* value);
    void table_column(const TypeName* type);
    void push_rest();
    void vary(std::string_view why) {
        if (out_.varies.empty()) out_.varies = why;
    }
    void pick(std::string_view by_what) {
        if (out_.picks.empty()) out_.picks = by_what;
    }
    void vary_by_order(const FuncCall* node, std::string_view name);
    void pick_by(const FuncCall* node, std::string_view name);
    void sequence(const FuncCall* node, bool sets);
    void function(const FuncCall* node);
    void named_function(const List* name, int arguments);
    void sample(const RangeTableSample* node);
    void type(const TypeName* node);
    void operator_name(const List* name);
    // What the server calls by its bare name though the text does not say so.
    void unnamed_operator(const char* name) { out_.operators.emplace_back(name); }
    void field(const List* names, int from);
    void column(const void* part);
    void with(const WithClause* node);
    [[nodiscard]] bool is_cte(const RangeVar* node) const;

    Statement& out_;
    Findings& findings_;
    std::vector<Pending> pending_;
    std::vector<CteName> ctes_;
    const std::vector<const void*>& replayable_;
    std::vector<const void*> rest_;  // of a change, still to be walked
    const void* root_ = nullptr;
    Pending current_;
};

void QueryWalker::visit(const void* node) {
    switch (tag_of(node)) {
        case T_SelectStmt:
            return select(as<SelectStmt>(node));
        case T_InsertStmt:
            return insert(as<InsertStmt>(node));
        case T_UpdateStmt:
            return update(as<UpdateStmt>(node));
        case T_DeleteStmt:
            return remove(as<DeleteStmt>(node));
        case T_MergeStmt:
            return merge(as<MergeStmt>(node));
        case T_RangeVar:
            if (!is_cte(as<RangeVar>(node))) relation(as<RangeVar>(node), current_.access);
            if (as<RangeVar>(node)->alias != nullptr) push(as<RangeVar>(node)->alias);
            return;
        case T_FuncCall:
            function(as<FuncCall>(node));
            return push_children(node);
        case T_TypeName:
            return type(as<TypeName>(node));
        case T_A_Expr:
            return expression(as<A_Expr>(node));
        case T_A_Const:
            return literal(node);
        case T_TypeCast:
            return cast(as<TypeCast>(node));
        case T_ParamRef:
            return parameter(node);
        case T_SQLValueFunction:
            // CURRENT_USER and those after it are the same on all nodes.
            if (as<SQLValueFunction>(node)->op < SVFOP_CURRENT_ROLE) vary("the clock (CURRENT_TIMESTAMP)");
            return;
        case T_CurrentOfExpr:
            return vary("WHERE CURRENT OF");
        case T_SubLink:
            operator_name(as<SubLink>(node)->operName);
            if (as<SubLink>(node)->subLinkType == ANY_SUBLINK && as<SubLink>(node)->operName == nullptr)
                unnamed_operator("=");  // IN
            if (as<SubLink>(node)->subLinkType == ARRAY_SUBLINK) pick("an array of a query");
            return push_children(node);
        case T_SortBy:
            operator_name(as<SortBy>(node)->useOp);
            return push_children(node);
        case T_ColumnRef:
            return field(as<ColumnRef>(node)->fields, 1);
        case T_A_Indirection:
            field(as<A_Indirection>(node)->indirection, 0);
            return push_children(node);
        case T_RangeTableSample:
            vary("TABLESAMPLE");
            sample(as<RangeTableSample>(node));
            return push_children(node);
        case T_RangeTableFuncCol:  // whose type the library's walker passes over
            table_column(as<RangeTableFuncCol>(node)->typeName);
            return push_children(node);
        case T_Alias:
            out_.renames |= as<Alias>(node)->colnames != nullptr;
            return;
        case T_RangeFunction:
        case T_RangeSubselect:
        case T_RangeTableFunc:
            out_.renames = true;
            return push_children(node);
        case T_A_Star:
        case T_Boolean:
        case T_Float:
        case T_Integer:
        case T_BitString:
        case T_LockingClause:
        case T_SetToDefault:
        case T_String:
            return;
        case T_CaseExpr:
            if (as<CaseExpr>(node)->arg != nullptr) unnamed_operator("=");
            return push_children(node);
        case T_JoinExpr:
            if (as<JoinExpr>(node)->isNatural || as<JoinExpr>(node)->usingClause != nullptr)
                unnamed_operator("=");
            return push_children(node);
        case T_A_ArrayExpr:
        case T_A_Indices:
        case T_BooleanTest:
        case T_BoolExpr:
        case T_CaseWhen:
        case T_CoalesceExpr:
        case T_CollateClause:
        case T_ColumnDef:
        case T_GroupingFunc:
        case T_GroupingSet:
        case T_IndexElem:
        case T_InferClause:
        case T_List:
        case T_MinMaxExpr:
        case T_MultiAssignRef:
        case T_NamedArgExpr:
        case T_NullTest:
        case T_OnConflictClause:
        case T_ResTarget:
        case T_RowExpr:
        case T_WindowDef:
        case T_XmlExpr:
        case T_XmlSerialize:
            return push_children(node);
        default:
            findings_.unknown = true;
    }
}

void QueryWalker::select(const SelectStmt* node) {
    with(node->withClause);
    const Access from = node->lockingClause != nullptr ? Access::RowLock : current_.access;
    if (node->lockingClause != nullptr) out_.locks_rows = true;
    if (node->intoClause != nullptr) {
        out_.kind = Kind::SelectInto;
        out_.writes = true;
        relation(node->intoClause->rel, Access::Write);
        out_.creates = true;
        out_.drops_at_commit = node->intoClause->onCommit == ONCOMMIT_DROP;
        out_.is_unlogged = node->intoClause->rel->relpersistence == 'u';
        if (node->intoClause->rel->relpersistence == 't') out_.leaves = out_.leaves | Leaves::TempObject;
    }
    const bool distinct_on =
        node->distinctClause != nullptr && node->distinctClause->elements[0].ptr_value != nullptr;
    if (node->limitCount != nullptr || node->limitOffset != nullptr) vary("LIMIT");
    if (distinct_on) vary("DISTINCT ON");
    if (node->distinctClause != nullptr) pick("DISTINCT");
    if (node->groupClause != nullptr) pick("GROUP BY");
    if (node->op != SETOP_NONE && !(node->op == SETOP_UNION && node->all)) pick("UNION, INTERSECT or EXCEPT");
    for (const ListCell& cell : Elements(node->lockingClause)) {
        if (as<LockingClause>(cell.ptr_value)->waitPolicy == LockWaitSkip) vary("SKIP LOCKED");
    }
    push(distinct_on ? node->distinctClause : nullptr);
    push(node->targetList);
    push(node->fromClause, current_.scope, from);
    for (const void* part : std::initializer_list<const void*>{
             node->whereClause, node->groupClause, node->havingClause, node->windowClause, node->valuesLists,
             node->sortClause, node->limitOffset, node->limitCount, node->larg, node->rarg}) {
        push(part, current_.scope, Access::Read);
    }
}

void QueryWalker::insert(const InsertStmt* node) {
    out_.writes = true;
    with(node->withClause);
    relation(node->relation, Access::Write);
    ChangeReader(findings_.sql, out_, rest_).insert(node, node != root_);
    push(node->cols, current_.scope, Access::Read);
    push_rest();
    push(node->returningList, current_.scope, Access::Read);
}

void QueryWalker::update(const UpdateStmt* node) {
    out_.writes = true;
    with(node->withClause);
    relation(node->relation, Access::Write);
    ChangeReader(findings_.sql, out_, rest_).update(node, node != root_);
    push_rest();
    for (const void* part :
         std::initializer_list<const void*>{node->whereClause, node->fromClause, node->returningList}) {
        push(part, current_.scope, Access::Read);
    }
}

void QueryWalker::remove(const DeleteStmt* node) {
    out_.writes = true;
    with(node->withClause);
    relation(node->relation, Access::Write);
    ChangeReader(findings_.sql, out_, rest_).remove(node, node != root_);
    for (const void* part :
         std::initializer_list<const void*>{node->usingClause, node->whereClause, node->returningList}) {
        push(part, current_.scope, Access::Read);
    }
}

void QueryWalker::merge(const MergeStmt* node) {
    out_.writes = true;
    with(node->withClause);
    relation(node->relation, Access::Write);
    ChangeReader(findings_.sql, out_, rest_).merge(node, node != root_);
    push_rest();
    push(node->sourceRelation, current_.scope, Access::Read);
    push(node->joinCondition, current_.scope, Access::Read);
}

// Without RECURSIVE a name is known to what follows it, with RECURSIVE to all of the WITH clause (PostgreSQL
// documentation 7.8). Leaves current_.scope as the scope of the statement's body.
void QueryWalker::with(const WithClause* node) {
    if (node == nullptr) return;
    out_.renames = true;
    const auto define = [this](const CommonTableExpr* cte) {
        if (ctes_.size() == kMostCtes) {
            findings_.unknown = true;
            return;
        }
        ctes_.push_back({cte->ctename, current_.scope});
        current_.scope = static_cast<int>(ctes_.size()) - 1;
    };
    const Elements ctes(node->ctes);
    if (node->recursive) {
        for (const ListCell& cell : ctes) define(as<CommonTableExpr>(cell.ptr_value));
    }
    for (const ListCell& cell : ctes) {
        const auto* cte = as<CommonTableExpr>(cell.ptr_value);
        push(cte->ctequery, current_.scope, Access::Read);
        if (!node->recursive) define(cte);
    }
}

bool QueryWalker::is_cte(const RangeVar* node) const {
    if (node->schemaname != nullptr) return false;
    for (int scope = current_.scope; scope != kNoScope;
         scope = ctes_[static_cast<std::size_t>(scope)].outer) {
        if (std::strcmp(ctes_[static_cast<std::size_t>(scope)].name, node->relname) == 0) return true;
    }
    return false;
}

void QueryWalker::relation(const RangeVar* node, Access access) {
    out_.relations.push_back({text_of(node->schemaname), text_of(node->relname), access});
}

void QueryWalker::named_function(const List* name, int arguments) {
    QualifiedName called = qualified_name(name);
    out_.functions.push_back(
        {std::move(called.schema), std::move(called.name), static_cast<std::uint16_t>(arguments)});
}

void QueryWalker::function(const FuncCall* node) {
    named_function(node->funcname, Elements(node->args).size());
    const FunctionRef& called = out_.functions.back();
    if (node->over != nullptr) vary("a window function");
    if (!is_builtin_schema(called.schema)) return;
    if (is_object_type(called.name)) out_.names_objects = true;
    if (date_type(called.name) != DateType::No && node->args != nullptr) {
        cast_to_date(node->args->elements[0].ptr_value);
    }
    if (depends_on_order(called.name)) vary_by_order(node, called.name);
    pick_by(node, called.name);
    if (called.name == "nextval" || called.name == "setval") sequence(node, called.name == "setval");
    if (called.name == "set_config") {
        const Elements args(node->args);
        findings_.depends_on_literals = true;
        const bool replayable = std::find(replayable_.begin(), replayable_.end(), node) != replayable_.end();
        const bool local = args.size() == 3 && bool_value(constant(args.at(2))).value_or(false);
        if (!replayable && local)
            out_.settings.push_back({.scope = Scope::Local, .name = {}, .value_sql = {}});
        if (!replayable && !local) out_.leaves = out_.leaves | Leaves::UnknownSetting;
        return;
    }
    if (const BuiltinFunction* builtin = volatile_builtin(called.name)) {
        out_.leaves = out_.leaves | builtin->leaves;
        out_.clears = out_.clears | builtin->clears;
        out_.primary_only = out_.primary_only || builtin->primary_only;
    }
}

void QueryWalker::sequence(const FuncCall* node, bool sets) {
    const Elements args(node->args);
    const char* name = args.size() > 0 ? string_value(constant(args.at(0))) : nullptr;
    out_.has_unclear_sequence |= name == nullptr;
    if (name == nullptr) return;
    findings_.depends_on_literals = true;
    const auto add = [name](std::vector<std::string>& names) {
        if (std::find(names.begin(), names.end(), name) == names.end()) names.emplace_back(name);
    };
    add(out_.sequences);
    if (sets) add(out_.set_sequences);
}

// A sampling method is a function too; PostgreSQL's own two are harmless.
void QueryWalker::sample(const RangeTableSample* node) {
    const QualifiedName method = qualified_name(node->method);
    const bool own =
        is_builtin_schema(method.schema) && (method.name == "system" || method.name == "bernoulli");
    if (!own) named_function(node->method, Elements(node->args).size());
}

void QueryWalker::type(const TypeName* node) {
    QualifiedName named = qualified_name(node->names);
    if (named.schema == "information_schema") return;
    if (is_builtin_schema(named.schema) && (!named.schema.empty() || is_builtin_type(named.name))) return;
    out_.types.push_back({std::move(named.schema), std::move(named.name)});
}

// A literal that is compared with a column takes the column's type.
void QueryWalker::expression(const A_Expr* node) {
    const bool is_between = node->kind >= AEXPR_BETWEEN && node->kind <= AEXPR_NOT_BETWEEN_SYM;
    if (is_between) {
        for (const char* called : {"<", "<=", ">", ">="}) unnamed_operator(called);
    } else {
        operator_name(node->name);
    }
    if (node->kind == AEXPR_IN && is(node->lexpr, T_ColumnRef) && is(node->rexpr, T_List)) {
        push(node->lexpr);
        for (const ListCell& cell : Elements(as<List>(node->rexpr))) {
            if (!settle(node->lexpr, cell.ptr_value)) push(cell.ptr_value);
        }
        return;
    }
    if (settle(node->lexpr, node->rexpr)) return push(node->lexpr);
    if (settle(node->rexpr, node->lexpr)) return push(node->rexpr);
    push_children(node);
}

bool QueryWalker::settle(const void* column, const void* value) {
    if (!is(column, T_ColumnRef) || value == nullptr) return false;
    if (is(value, T_ParamRef)) {
        out_.parameters.push_back({.number = static_cast<std::uint16_t>(as<ParamRef>(value)->number),
                                   .column = qualified_name(as<ColumnRef>(column)->fields).name});
        return true;
    }
    if (string_literal(value, findings_.sql) != StringLiteral::Moving) return false;
    const QualifiedName name = qualified_name(as<ColumnRef>(column)->fields);
    out_.has_strings = true;
    out_.names_moment |= says_moment(string_value(constant(value)));
    out_.moving_literals.push_back({.column = name.name, .position = 0, .moving = true});
    return true;
}

void QueryWalker::literal(const void* node) {
    const StringLiteral kind = string_literal(node, findings_.sql);
    if (kind == StringLiteral::None) return;
    out_.has_strings = true;
    if (kind != StringLiteral::Moving) return;
    out_.has_loose_moving_literal = true;
    out_.names_moment |= says_moment(string_value(constant(node)));
}

void QueryWalker::parameter(const void* node) {
    out_.parameters.push_back(
        {.number = static_cast<std::uint16_t>(as<ParamRef>(node)->number), .loose = true, .column = {}});
}

void QueryWalker::cast(const TypeCast* node) {
    push(node->typeName);
    const QualifiedName to = qualified_name(node->typeName->names);
    const bool builtin = is_builtin_schema(to.schema) && is_builtin_type(to.name);
    if (builtin && is_object_type(to.name)) out_.names_objects = true;
    if (builtin && to.name == "timetz") vary("time with time zone");
    const DateType dates = date_type(to.name);
    if (!builtin || dates == DateType::Contains || node->typeName->arrayBounds != nullptr) {
        if (dates != DateType::No) cast_to_dates(node->arg);
        return push(node->arg);
    }
    if (dates == DateType::Is) {
        cast_to_date(node->arg);
    } else if (string_literal(node->arg, findings_.sql) == StringLiteral::Moving) {
        out_.has_strings = true;
        return;
    } else if (is(node->arg, T_ParamRef)) {
        return;
    }
    push(node->arg);
}

// Text that is read as a date may say 'now'; what is a date already, or comes from arithmetic, does not.
void QueryWalker::cast_to_date(const void* value) {
    switch (tag_of(value)) {
        case T_A_Const:  // judged as a literal
        case T_ParamRef:
        case T_SQLValueFunction:
            return;
        case T_ColumnRef:
            out_.cast_to_date.push_back(qualified_name(as<ColumnRef>(value)->fields).name);
            return;
        case T_A_Expr: {
            const std::string name = qualified_name(as<A_Expr>(value)->name).name;
            if (as<A_Expr>(value)->kind != AEXPR_OP || (name != "+" && name != "-")) break;
            return;
        }
        case T_FuncCall: {
            const QualifiedName called = qualified_name(as<FuncCall>(value)->funcname);
            if (!is_builtin_schema(called.schema) || !gives_date(called.name)) break;
            return;
        }
        case T_TypeCast:
            if (date_type(qualified_name(as<TypeCast>(value)->typeName->names).name) != DateType::Is) break;
            return;
        default:
            break;
    }
    vary("text that is cast to a date or time");
}

// The same of what holds dates: arrays, ranges.
void QueryWalker::cast_to_dates(const void* value) {
    if (is(value, T_A_ArrayExpr)) {
        for (const ListCell& cell : Elements(as<A_ArrayExpr>(value)->elements)) cast_to_date(cell.ptr_value);
    } else if (string_literal(value, findings_.sql) != StringLiteral::None) {
        out_.has_loose_moving_literal = true;
    } else if (!is(value, T_A_Const) && !is(value, T_ParamRef)) {
        vary("text that is cast to a date or time");
    }
}

// Of XMLTABLE, which reads text as this type; null: it counts.
void QueryWalker::table_column(const TypeName* type) {
    if (type == nullptr) return;
    push(type);
    const std::string name = qualified_name(type->names).name;
    if (date_type(name) != DateType::No) vary("text that is cast to a date or time");
    out_.names_objects |= is_object_type(name);
}

// What must be walked of a change.
void QueryWalker::push_rest() {
    for (const void* node : rest_) push(node, current_.scope, Access::Read);
    rest_.clear();
}

// Sums depend on the order of rows for floats only.
void QueryWalker::vary_by_order(const FuncCall* node, std::string_view name) {
    const Elements args(node->args);
    if ((name == "sum" || name == "avg") && args.size() == 1 && is(args.at(0), T_ColumnRef)) {
        out_.summed.push_back(qualified_name(as<ColumnRef>(args.at(0))->fields).name);
    } else {
        vary("an aggregate that depends on the order of rows");
    }
}

// Aggregates that give one of their values back, also those of later versions.
void QueryWalker::pick_by(const FuncCall* node, std::string_view name) {
    const bool is_one =
        name == "max" || name == "min" || name == "any_value" || name.find("agg") != std::string_view::npos;
    const bool is_distinct = node->agg_distinct && name != "count";
    if (is_one || is_distinct || node->agg_within_group) pick("an aggregate like max()");
}

void QueryWalker::operator_name(const List* name) {
    const Elements parts(name);
    if (parts.size() == 0) return;
    if (parts.size() == 1) {
        out_.operators.push_back(qualified_name(name).name);
    } else if (qualified_name(name).schema != "pg_catalog") {
        out_.user_operators = true;
    }
}

// By the last part of its name.
void QueryWalker::column(const void* part) {
    const std::string name = is(part, T_A_Star) ? "*" : is(part, T_String) ? as<String>(part)->sval : "";
    if (name == "system_user") vary("SYSTEM_USER");  // of 16 and later
    if (!name.empty()) out_.columns.push_back(name);
}

// What follows the row may be a column of it or call a function with it.
void QueryWalker::field(const List* names, int from) {
    const Elements all(names);
    if (is_system_column(qualified_name(names).name)) {
        out_.reads_system_columns = true;
        vary("a system column (ctid, xmin, tableoid)");
    }
    if (all.size() > 0) column(all.at(all.size() - 1));
    for (int i = from; i < static_cast<int>(all.size()); ++i) {
        if (is(all.at(i), T_String)) out_.fields.emplace_back(as<String>(all.at(i))->sval);
    }
}

}  // namespace

void walk_query(const void* root, Statement& out, Findings& findings,
                const std::vector<const void*>& replayable) {
    QueryWalker(out, findings, replayable).walk(root);
}

}  // namespace pgpool::sql
