// SPDX-License-Identifier: PostgreSQL
#pragma once

// PostgreSQL's raw parse tree, and how to read it. The only file that includes PostgreSQL's headers; private
// to this folder. The headers are those of a server of libpg_query's major release, but not of its build:
//   - nodes are only read, through their structs. No palloc, MemoryContextSwitchTo or PG_TRY on our side: the
//     library's globals are thread-local, the headers declare them plain;
//   - LimitOption, WCOKind and CreateStatsStmt differ and are not read;
//   - pg_query_raw_parse catches PostgreSQL's errors itself. Of the library's other functions only
//     raw_expression_tree_walker is called, for the node types it knows, where it cannot raise an error. So
//     no longjmp crosses a frame of ours.

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "proxy/sql/statement.h"

extern "C" {
#include <pg_query.h>
// after pg_query.h
#include <pg_query/pg_query_internal.h>
// after postgres.h
#include <nodes/nodeFuncs.h>
#include <nodes/parsenodes.h>
}

namespace pgpool::sql {

class ParseMemory {
public:
    ParseMemory() : context_(pg_query_enter_memory_context()) {}
    ~ParseMemory() { pg_query_exit_memory_context(context_); }
    ParseMemory(const ParseMemory&) = delete;
    ParseMemory& operator=(const ParseMemory&) = delete;
    ParseMemory(ParseMemory&&) = delete;
    ParseMemory& operator=(ParseMemory&&) = delete;

private:
    MemoryContext context_;
};

// The result of a parse; its tree lives as long as the ParseMemory around it.
class ParsedText {
public:
    explicit ParsedText(const char* sql) : result_(pg_query_raw_parse(sql)) {}
    ~ParsedText() {
        if (result_.error != nullptr) pg_query_free_error(result_.error);
        std::free(result_.stderr_buffer);
    }
    ParsedText(const ParsedText&) = delete;
    ParsedText& operator=(const ParsedText&) = delete;
    ParsedText(ParsedText&&) = delete;
    ParsedText& operator=(ParsedText&&) = delete;

    [[nodiscard]] bool ok() const { return result_.error == nullptr; }
    [[nodiscard]] const List* tree() const { return result_.tree; }

private:
    PgQueryInternalParsetreeAndError result_;
};

template <typename To>
const To* as(const void* node) {
    return static_cast<const To*>(node);
}

inline NodeTag tag_of(const void* node) {
    return as<Node>(node)->type;
}
inline bool is(const void* node, NodeTag tag) {
    return node != nullptr && tag_of(node) == tag;
}
inline std::string text_of(const char* text) {
    return text == nullptr ? std::string() : std::string(text);
}

// The elements of a List of pointers; an empty List is null.
class Elements {
public:
    explicit Elements(const List* list) : list_(list) {}
    [[nodiscard]] const ListCell* begin() const { return list_ == nullptr ? nullptr : list_->elements; }
    [[nodiscard]] const ListCell* end() const {
        return list_ == nullptr ? nullptr : list_->elements + list_->length;
    }
    [[nodiscard]] int size() const { return list_ == nullptr ? 0 : list_->length; }
    [[nodiscard]] const void* at(int index) const { return list_->elements[index].ptr_value; }

private:
    const List* list_;
};

// A possibly qualified name: the last part, and the one before it.
struct QualifiedName {
    std::string schema;
    std::string name;
};

inline QualifiedName qualified_name(const List* parts) {
    QualifiedName out;
    for (const ListCell& cell : Elements(parts)) {
        if (!is(cell.ptr_value, T_String)) continue;
        out.schema = std::move(out.name);
        out.name = text_of(as<String>(cell.ptr_value)->sval);
    }
    return out;
}

inline bool is_pg_temp(std::string_view schema) {
    return schema.substr(0, 7) == "pg_temp";
}
inline bool is_builtin_schema(std::string_view schema) {
    return schema.empty() || schema == "pg_catalog";
}

inline bool has_high_byte(std::string_view bytes) {
    return std::any_of(bytes.begin(), bytes.end(),
                       [](char c) { return static_cast<unsigned char>(c) > 127; });
}

// The constant below casts to a type, or null.
inline const A_Const* constant(const void* node) {
    if (is(node, T_TypeCast)) node = as<TypeCast>(node)->arg;
    return is(node, T_A_Const) ? as<A_Const>(node) : nullptr;
}

inline const char* string_value(const A_Const* value) {
    const bool is_string = value != nullptr && !value->isnull && value->val.node.type == T_String;
    return is_string ? value->val.sval.sval : nullptr;
}

inline std::optional<bool> bool_value(const A_Const* value) {
    if (value == nullptr || value->isnull) return std::nullopt;
    if (value->val.node.type == T_Boolean) return value->val.boolval.boolval;
    if (value->val.node.type == T_Integer) return value->val.ival.ival != 0;
    const char* given = string_value(value);
    if (given == nullptr) return std::nullopt;
    for (const char* word : {"true", "on", "t", "yes", "1"}) {
        if (to_lower_ascii(given) == word) return true;
    }
    for (const char* word : {"false", "off", "f", "no", "0"}) {
        if (to_lower_ascii(given) == word) return false;
    }
    return std::nullopt;
}

inline std::optional<Isolation> isolation_value(const char* given) {
    if (given == nullptr) return std::nullopt;
    const std::string level = to_lower_ascii(given);
    if (level == "read uncommitted") return Isolation::ReadUncommitted;
    if (level == "read committed") return Isolation::ReadCommitted;
    if (level == "repeatable read") return Isolation::RepeatableRead;
    if (level == "serializable") return Isolation::Serializable;
    return std::nullopt;
}

// DefElem options of EXPLAIN, REINDEX: given without a value means true; the last one counts.
inline bool option_is_on(const List* options, std::string_view name) {
    bool on = false;
    for (const ListCell& cell : Elements(options)) {
        const auto* option = as<DefElem>(cell.ptr_value);
        if (name != option->defname) continue;
        on = true;
        if (is(option->arg, T_String)) {
            const std::string value = to_lower_ascii(as<String>(option->arg)->sval);
            on = value != "false" && value != "off";
        } else if (is(option->arg, T_Integer)) {
            on = as<Integer>(option->arg)->ival != 0;
        }
    }
    return on;
}

inline bool has_values(const List* options) {
    const Elements elements(options);
    return std::any_of(elements.begin(), elements.end(),
                       [](const ListCell& cell) { return as<DefElem>(cell.ptr_value)->arg != nullptr; });
}

}  // namespace pgpool::sql
