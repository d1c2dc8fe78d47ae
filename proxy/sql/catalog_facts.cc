// SPDX-License-Identifier: PostgreSQL
#include "proxy/sql/catalog_facts.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace pgpool::sql {
namespace {

// PostgreSQL cuts names at 63 bytes, so a longer `schema.name` names nothing.
constexpr std::size_t kLongestKey = 127;

// Looks up "schema.name" without making a string.
template <typename Value>
const Value* find(const NameMap<Value>& map, std::string_view schema, std::string_view name) {
    std::array<char, kLongestKey> key{};
    std::string_view wanted = name;
    if (!schema.empty()) {
        if (schema.size() + 1 + name.size() > key.size()) return nullptr;
        std::memcpy(key.data(), schema.data(), schema.size());
        key[schema.size()] = '.';
        if (!name.empty()) std::memcpy(key.data() + schema.size() + 1, name.data(), name.size());
        wanted = {key.data(), schema.size() + 1 + name.size()};
    }
    const auto found = map.find(wanted);
    return found == map.end() ? nullptr : &found->second;
}

}  // namespace

bool TriggerFacts::assigns(std::string_view column) const {
    return !assigns_any.empty() || std::find(assigned.begin(), assigned.end(), column) != assigned.end();
}

void TriggerFacts::add(const TriggerFacts& other) {
    const auto keep = [](std::string& to, const std::string& from) {
        if (to.empty()) to = from;
    };
    is_before = is_before || other.is_before;
    keep(looks_before, other.looks_before);
    keep(looks, other.looks);
    keep(assigns_any, other.assigns_any);
    keep(always, other.always);
    for (const std::string& column : other.assigned) {
        if (std::find(assigned.begin(), assigned.end(), column) == assigned.end()) assigned.push_back(column);
    }
}

const ColumnFacts* WriteFacts::column(std::string_view name) const {
    const auto found = std::find_if(columns.begin(), columns.end(),
                                    [&](const ColumnFacts& column) { return column.name == name; });
    return found == columns.end() ? nullptr : &*found;
}

const FunctionFacts* CatalogFacts::function(std::string_view schema, std::string_view name) const {
    return find(functions, schema, name);
}
bool CatalogFacts::is_stable_builtin(std::uint32_t oid) const {
    return std::binary_search(stable_builtins.begin(), stable_builtins.end(), oid);
}
const RelationFacts* CatalogFacts::relation(std::string_view schema, std::string_view name) const {
    return find(relations, schema, name);
}
const TypeFacts* CatalogFacts::type(std::string_view schema, std::string_view name) const {
    return find(types, schema, name);
}

}  // namespace pgpool::sql
