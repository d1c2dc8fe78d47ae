// SPDX-License-Identifier: PostgreSQL
#include "proxy/sql/change_reader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "proxy/sql/copy_options.h"
#include "proxy/sql/lexer.h"
#include "proxy/sql/raw_tree.h"

namespace pgpool::sql {
namespace {

// Types in which a constant may be written and still compare with a column by that column's own notion of
// equality. Not floats: several bigints are equal to one of them. Not timestamps: two of those without time
// zone may be equal to one with.
bool is_exact_type(const TypeName* type) {
    constexpr auto kExact = std::to_array<std::string_view>(
        {"bool", "bpchar", "bytea", "char", "cidr", "date", "inet", "int2", "int4", "int8", "macaddr",
         "macaddr8", "name", "numeric", "text", "uuid", "varchar"});
    const QualifiedName named = qualified_name(type->names);
    return is_builtin_schema(named.schema) && type->arrayBounds == nullptr &&
           std::find(kExact.begin(), kExact.end(), named.name) != kExact.end();
}

// A constant or parameter, with casts.
bool is_exact_constant(const void* node) {
    while (is(node, T_TypeCast)) {
        if (!is_exact_type(as<TypeCast>(node)->typeName)) return false;
        node = as<TypeCast>(node)->arg;
    }
    return is(node, T_A_Const) || is(node, T_ParamRef);
}

// The column that `node` is, of a table known as `table`; null for anything else.
const char* own_column(const void* node, const char* table) {
    if (!is(node, T_ColumnRef)) return nullptr;
    const Elements fields(as<ColumnRef>(node)->fields);
    const auto text = [&fields](int i) {
        return is(fields.at(i), T_String) ? as<String>(fields.at(i))->sval : nullptr;
    };
    if (fields.size() == 1) return text(0);
    if (fields.size() != 2 || text(0) == nullptr || std::strcmp(text(0), table) != 0) return nullptr;
    return text(1);
}

bool is_plain_values(const SelectStmt* node) {
    return node->valuesLists != nullptr && node->withClause == nullptr && node->sortClause == nullptr &&
           node->limitOffset == nullptr && node->limitCount == nullptr && node->lockingClause == nullptr;
}

bool is_about_fields(const DefElem* option) {
    const std::string_view name = option->defname;
    return name == "delimiter" || name == "quote" || name == "escape";
}

// Whether its fields end or are quoted otherwise than by what is looked for in the data.
bool has_unusual_fields(const List* options) {
    const Elements all(options);
    return std::any_of(all.begin(), all.end(), [](const ListCell& cell) {
        const auto* option = as<DefElem>(cell.ptr_value);
        const std::string_view name = option->defname;
        if (!is_about_fields(option)) return false;
        if (!is(option->arg, T_String)) return true;
        const std::string_view value = as<String>(option->arg)->sval;
        return name == "delimiter" ? kCopyDelimiters.find(value) == std::string_view::npos : value != "\"";
    });
}

}  // namespace

StringLiteral string_literal(const void* node, std::string_view sql) {
    if (!is(node, T_A_Const) || string_value(as<A_Const>(node)) == nullptr) return StringLiteral::None;
    const int location = as<A_Const>(node)->location;
    if (location < 0) return StringLiteral::None;
    // The grammar makes constants of words too: EXTRACT(year FROM x).
    switch (string_at(sql, static_cast<std::size_t>(location))) {
        case TokenKind::String:
            return StringLiteral::Plain;
        case TokenKind::MovingString:
            return StringLiteral::Moving;
        default:
            return StringLiteral::None;
    }
}

bool says_moment(std::string_view text) {
    constexpr auto kWords = std::to_array<std::string_view>({"now", "today", "tomorrow", "yesterday"});
    const std::string folded = to_lower_ascii(text);
    std::string_view rest = folded;
    while (!rest.empty()) {
        const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
        const auto* end = std::find_if_not(rest.begin(), rest.end(), is_letter);
        const auto length = static_cast<std::size_t>(end - rest.begin());
        if (std::find(kWords.begin(), kWords.end(), rest.substr(0, length)) != kWords.end()) return true;
        rest.remove_prefix(std::min(length + 1, rest.size()));
    }
    return false;
}

Change& ChangeReader::add(Change::Verb verb, const RangeVar* target, bool in_with) {
    Change& change = out_.changes.emplace_back();
    change.verb = verb;
    change.in_with = in_with;
    if (target == nullptr) return change;
    change.target = {text_of(target->schemaname), text_of(target->relname), Access::Write};
    if (target->alias != nullptr) change.alias = text_of(target->alias->aliasname);
    return change;
}

void ChangeReader::insert(const InsertStmt* node, bool in_with) {
    Change& change = add(Change::Verb::Insert, node->relation, in_with);
    change.all_columns = node->cols == nullptr;
    change.ignores_identities = node->override == OVERRIDING_USER_VALUE;
    for (const ListCell& cell : Elements(node->cols)) {
        change.given.push_back({.column = text_of(as<ResTarget>(cell.ptr_value)->name)});
    }
    change.returns = node->returningList != nullptr;
    source(change, node);
    if (node->onConflictClause != nullptr) on_conflict(change, node->onConflictClause);
}

void ChangeReader::source(Change& change, const InsertStmt* node) {
    if (node->selectStmt == nullptr) {
        change.all_columns = false;
        return;
    }
    const auto* select = as<SelectStmt>(node->selectStmt);
    if (is_plain_values(select)) {
        change.source = Change::Source::Values;
        rows(change, select->valuesLists);
    } else {
        change.source = Change::Source::Query;
        rest_.push_back(select);
    }
}

void ChangeReader::rows(Change& change, const List* lists) {
    const Elements all(lists);
    change.one_row = all.size() == 1;
    for (const ListCell& cell : all) row(change, as<List>(cell.ptr_value));
}

void ChangeReader::row(Change& change, const List* list) {
    const Elements values(list);
    for (int i = 0; i < values.size(); ++i) {
        const auto at = static_cast<std::size_t>(i);
        if (at >= change.given.size()) {
            change.given.push_back({.column = {}, .position = static_cast<std::uint16_t>(i)});
        }
        value(change.given[at], values.at(i));
    }
}

// A literal or parameter takes the type of its column; all else is walked.
void ChangeReader::value(ColumnValue& to, const void* node) {
    if (is(node, T_SetToDefault)) {
        to.is_default = true;
        return;
    }
    if (is(node, T_ParamRef)) {
        out_.parameters.push_back({.number = static_cast<std::uint16_t>(as<ParamRef>(node)->number),
                                   .column = to.column,
                                   .position = to.position});
        return;
    }
    const StringLiteral literal = string_literal(node, sql_);
    if (literal == StringLiteral::None) {
        rest_.push_back(node);
        return;
    }
    out_.has_strings = true;
    to.moving = to.moving || literal == StringLiteral::Moving;
    if (literal == StringLiteral::Moving) out_.names_moment |= says_moment(string_value(constant(node)));
}

void ChangeReader::on_conflict(Change& change, const OnConflictClause* node) {
    change.on_conflict =
        node->action == ONCONFLICT_UPDATE ? Change::OnConflict::Update : Change::OnConflict::Nothing;
    if (node->infer != nullptr) {
        change.conflict_constraint = text_of(node->infer->conname);
        change.conflict_unclear = node->infer->whereClause != nullptr;
        for (const ListCell& cell : Elements(node->infer->indexElems)) {
            const auto* element = as<IndexElem>(cell.ptr_value);
            const bool plain =
                element->name != nullptr && element->collation == nullptr && element->opclass == nullptr;
            change.conflict_unclear = change.conflict_unclear || !plain;
            if (plain) change.conflict_columns.push_back(text_of(element->name));
        }
        rest_.push_back(node->infer);
    }
    assign(change, node->targetList);
    if (node->whereClause != nullptr) rest_.push_back(node->whereClause);
}

void ChangeReader::update(const UpdateStmt* node, bool in_with) {
    Change& change = add(Change::Verb::Update, node->relation, in_with);
    change.returns = node->returningList != nullptr;
    change.joins = node->fromClause != nullptr;
    assign(change, node->targetList);
    equate(change, node->whereClause, node->relation);
}

void ChangeReader::assign(Change& change, const List* targets) {
    for (const ListCell& cell : Elements(targets)) {
        const auto* target = as<ResTarget>(cell.ptr_value);
        ColumnValue& column = change.assigned.emplace_back();
        column.column = text_of(target->name);
        if (target->indirection != nullptr) {
            rest_.push_back(target);
        } else if (target->val != nullptr) {
            value(column, target->val);
        }
    }
}

void ChangeReader::remove(const DeleteStmt* node, bool in_with) {
    Change& change = add(Change::Verb::Delete, node->relation, in_with);
    change.returns = node->returningList != nullptr;
    change.joins = node->usingClause != nullptr;
    equate(change, node->whereClause, node->relation);
}

void ChangeReader::merge(const MergeStmt* node, bool in_with) {
    add(Change::Verb::Merge, node->relation, in_with);
    for (const ListCell& cell : Elements(node->mergeWhenClauses)) {
        const auto* when = as<MergeWhenClause>(cell.ptr_value);
        if (when->condition != nullptr) rest_.push_back(when->condition);
        if (when->commandType == CMD_INSERT) merge_insert(when, node->relation, in_with);
        if (when->commandType == CMD_UPDATE)
            assign(add(Change::Verb::Update, node->relation, in_with), when->targetList);
        if (when->commandType == CMD_DELETE) add(Change::Verb::Delete, node->relation, in_with);
    }
}

void ChangeReader::merge_insert(const MergeWhenClause* node, const RangeVar* target, bool in_with) {
    Change& change = add(Change::Verb::Insert, target, in_with);
    change.ignores_identities = node->override == OVERRIDING_USER_VALUE;
    if (node->values == nullptr) return;  // DEFAULT VALUES
    change.source = Change::Source::Values;
    change.all_columns = node->targetList == nullptr;
    for (const ListCell& cell : Elements(node->targetList)) {
        change.given.push_back({.column = text_of(as<ResTarget>(cell.ptr_value)->name)});
    }
    if (node->targetList != nullptr) rest_.push_back(node->targetList);
    row(change, node->values);
}

void ChangeReader::copy(const CopyStmt* node) {
    Change& change = add(Change::Verb::Copy, node->relation, false);
    change.source = Change::Source::Values;
    change.all_columns = node->attlist == nullptr;
    out_.unusual_fields = has_unusual_fields(node->options);
    out_.copied = read_copy_rows(node);
    for (const ListCell& cell : Elements(node->attlist)) {
        if (is(cell.ptr_value, T_String))
            change.given.push_back({.column = text_of(as<String>(cell.ptr_value)->sval)});
    }
}

// The terms of a conjunction that say column = constant.
void ChangeReader::equate(Change& change, const void* where, const RangeVar* target) {
    const char* table = target->alias != nullptr ? target->alias->aliasname : target->relname;
    std::vector<const void*> terms;
    if (where != nullptr) terms.push_back(where);
    while (!terms.empty()) {
        const void* term = terms.back();
        terms.pop_back();
        if (is(term, T_BoolExpr) && as<BoolExpr>(term)->boolop == AND_EXPR) {
            for (const ListCell& cell : Elements(as<BoolExpr>(term)->args)) terms.push_back(cell.ptr_value);
        }
        if (!is(term, T_A_Expr)) continue;
        const auto* equation = as<A_Expr>(term);
        const Elements name(equation->name);
        const bool equals = equation->kind == AEXPR_OP && name.size() == 1 && is(name.at(0), T_String) &&
                            std::strcmp(as<String>(name.at(0))->sval, "=") == 0;
        if (!equals) continue;
        const bool swapped = is_exact_constant(equation->lexpr);
        const char* column = own_column(swapped ? equation->rexpr : equation->lexpr, table);
        if (column == nullptr || !is_exact_constant(swapped ? equation->lexpr : equation->rexpr)) continue;
        change.equated.emplace_back(column);
    }
}

}  // namespace pgpool::sql
