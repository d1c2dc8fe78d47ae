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

namespace pgpool::sql {

enum class Volatility : std::uint8_t { Immutable, Stable, Volatile };

struct FunctionFacts {
    Volatility volatility = Volatility::Volatile;  // the worst overload
    bool builtin = false;                          // all overloads in pg_catalog
    bool harmless = false;  // built in, or its body provably leaves no session state behind
};

struct RelationFacts {
    bool temporary = false;
    bool unlogged = false;
    bool system = false;          // pg_catalog, information_schema, pg_toast
    bool view = false;            // views are expanded: the flags below count what they reach
    bool reads_volatile = false;  // a view (or rule) that reaches a volatile function
    bool writes_harmless = true;  // triggers, defaults, constraints that a write runs leave nothing behind
};

struct TypeFacts {
    bool harmless = false;  // no user code runs in its casts: enums, their arrays, domains without CHECK
};

// Transparent hashing: look-ups by string_view make no string.
struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>{}(name); }
};
template <typename Value>
using NameMap = std::unordered_map<std::string, Value, NameHash, std::equal_to<>>;

struct CatalogFacts {
    std::uint64_t version = 0;             // higher is newer; 0 = nothing loaded yet
    NameMap<FunctionFacts> functions;      // keys: "name" (worst of all schemas) and "schema.name"
    NameMap<RelationFacts> relations;      // the same
    NameMap<TypeFacts> types;              // the same, without the types of pg_catalog
    NameMap<FunctionFacts> operators;      // of users; by the bare name
    NameMap<FunctionFacts> row_functions;  // of users, that row.name calls; by the bare name
    bool conversions_harmless = true;      // no cast or check of a domain leaves state behind

    [[nodiscard]] const FunctionFacts* function(std::string_view schema, std::string_view name) const;
    [[nodiscard]] const RelationFacts* relation(std::string_view schema, std::string_view name) const;
    [[nodiscard]] const TypeFacts* type(std::string_view schema, std::string_view name) const;
};

using CatalogFactsPtr = std::shared_ptr<const CatalogFacts>;

}  // namespace pgpool::sql
