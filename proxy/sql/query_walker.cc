// SPDX-License-Identifier: PostgreSQL
#include "proxy/sql/query_walker.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <utility>

#include "proxy/sql/builtin.h"
#include "proxy/sql/raw_tree.h"

namespace pgpool::sql {
namespace {

// Walks one query (SELECT, VALUES, INSERT, UPDATE, DELETE, MERGE) or expression into a Statement. Nodes that
// are still to be looked at wait in a list, so depth of nesting takes no stack.
class QueryWalker {
public:
    QueryWalker(Statement& out, Findings& findings, const std::vector<const void*>& replayable)
        : out_(out), findings_(findings), replayable_(replayable) {}

    void walk(const void* root) {
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
    void function(const FuncCall* node);
    void named_function(const List* name, int arguments);
    void sample(const RangeTableSample* node);
    void type(const TypeName* node);
    void operator_name(const List* name);
    void field(const List* names, int from);
    void with(const WithClause* node);
    [[nodiscard]] bool is_cte(const RangeVar* node) const;

    Statement& out_;
    Findings& findings_;
    std::vector<Pending> pending_;
    std::vector<CteName> ctes_;
    const std::vector<const void*>& replayable_;
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
            return;
        case T_FuncCall:
            function(as<FuncCall>(node));
            return push_children(node);
        case T_TypeName:
            return type(as<TypeName>(node));
        case T_A_Expr:
            operator_name(as<A_Expr>(node)->name);
            return push_children(node);
        case T_SubLink:
            operator_name(as<SubLink>(node)->operName);
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
            sample(as<RangeTableSample>(node));
            return push_children(node);
        case T_RangeTableFuncCol:  // whose type the library's walker passes over
            push(as<RangeTableFuncCol>(node)->typeName);
            return push_children(node);
        case T_A_Const:
        case T_A_Star:
        case T_Alias:
        case T_Boolean:
        case T_CurrentOfExpr:
        case T_Float:
        case T_Integer:
        case T_BitString:
        case T_LockingClause:
        case T_ParamRef:
        case T_SetToDefault:
        case T_SQLValueFunction:
        case T_String:
            return;
        case T_A_ArrayExpr:
        case T_A_Indices:
        case T_BooleanTest:
        case T_BoolExpr:
        case T_CaseExpr:
        case T_CaseWhen:
        case T_CoalesceExpr:
        case T_CollateClause:
        case T_ColumnDef:
        case T_GroupingFunc:
        case T_GroupingSet:
        case T_IndexElem:
        case T_InferClause:
        case T_JoinExpr:
        case T_List:
        case T_MergeWhenClause:
        case T_MinMaxExpr:
        case T_MultiAssignRef:
        case T_NamedArgExpr:
        case T_NullTest:
        case T_OnConflictClause:
        case T_RangeFunction:
        case T_RangeSubselect:
        case T_RangeTableFunc:
        case T_ResTarget:
        case T_RowExpr:
        case T_TypeCast:
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
        if (node->intoClause->rel->relpersistence == 't') out_.leaves = out_.leaves | Leaves::TempObject;
    }
    push(node->distinctClause != nullptr && node->distinctClause->elements[0].ptr_value != nullptr
             ? node->distinctClause
             : nullptr);
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
    for (const void* part : std::initializer_list<const void*>{node->cols, node->selectStmt,
                                                               node->onConflictClause, node->returningList}) {
        push(part, current_.scope, Access::Read);
    }
}

void QueryWalker::update(const UpdateStmt* node) {
    out_.writes = true;
    with(node->withClause);
    relation(node->relation, Access::Write);
    for (const void* part : std::initializer_list<const void*>{node->targetList, node->whereClause,
                                                               node->fromClause, node->returningList}) {
        push(part, current_.scope, Access::Read);
    }
}

void QueryWalker::remove(const DeleteStmt* node) {
    out_.writes = true;
    with(node->withClause);
    relation(node->relation, Access::Write);
    for (const void* part :
         std::initializer_list<const void*>{node->usingClause, node->whereClause, node->returningList}) {
        push(part, current_.scope, Access::Read);
    }
}

void QueryWalker::merge(const MergeStmt* node) {
    out_.writes = true;
    with(node->withClause);
    relation(node->relation, Access::Write);
    for (const void* part : std::initializer_list<const void*>{node->sourceRelation, node->joinCondition,
                                                               node->mergeWhenClauses}) {
        push(part, current_.scope, Access::Read);
    }
}

// Without RECURSIVE a name is known to what follows it, with RECURSIVE to all of the WITH clause (PostgreSQL
// documentation 7.8). Leaves current_.scope as the scope of the statement's body.
void QueryWalker::with(const WithClause* node) {
    if (node == nullptr) return;
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
    if (!is_builtin_schema(called.schema)) return;
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

void QueryWalker::operator_name(const List* name) {
    const Elements parts(name);
    if (parts.size() == 0) return;
    if (parts.size() == 1) {
        out_.operators.push_back(qualified_name(name).name);
    } else if (qualified_name(name).schema != "pg_catalog") {
        out_.user_operators = true;
    }
}

// What follows the row may be a column of it or call a function with it.
void QueryWalker::field(const List* names, int from) {
    const Elements all(names);
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
