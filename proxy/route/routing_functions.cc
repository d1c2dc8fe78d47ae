// SPDX-License-Identifier: PostgreSQL
#include <algorithm>

#include "proxy/route/classify.h"

namespace pgpool::route {
namespace {

bool has_prefix(const std::vector<std::string>& prefixes, std::string_view name) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [name](const std::string& prefix) { return name.substr(0, prefix.size()) == prefix; });
}

}  // namespace

void RoutingFunctions::Patterns::add(std::string_view entry) {
    const bool qualified_entry = entry.find('.') != std::string_view::npos;
    if (!entry.empty() && entry.back() == '*') {
        entry.remove_suffix(1);
        (qualified_entry ? qualified_prefixes : bare_prefixes).emplace_back(entry);
        return;
    }
    (qualified_entry ? qualified : bare).emplace(entry, true);
    if (!qualified_entry) return;
    unqualified_tails.emplace(entry.substr(entry.rfind('.') + 1), true);
}

bool RoutingFunctions::Patterns::match(std::string_view schema, std::string_view name, bool loosely) const {
    if (bare.find(name) != bare.end() || has_prefix(bare_prefixes, name)) return true;
    if (schema.empty()) return loosely && might_mean(name);
    if (qualified.empty() && qualified_prefixes.empty()) return false;
    const std::string full = std::string(schema) + "." + std::string(name);
    return qualified.find(full) != qualified.end() || has_prefix(qualified_prefixes, full);
}

// Whether a call without a schema may be one that an entry with a schema names.
bool RoutingFunctions::Patterns::might_mean(std::string_view name) const {
    if (unqualified_tails.find(name) != unqualified_tails.end()) return true;
    return std::any_of(qualified_prefixes.begin(), qualified_prefixes.end(), [name](std::string_view prefix) {
        const std::string_view tail = prefix.substr(prefix.rfind('.') + 1);
        return name.substr(0, tail.size()) == tail;
    });
}

RoutingFunctions::RoutingFunctions(const config::Routing& routing, config::ClusterMode mode)
    : is_replicated_(mode == config::ClusterMode::Replication) {
    for (const std::string& entry : routing.read_only_functions) reads_.add(entry);
    for (const std::string& entry : routing.write_functions) writes_.add(entry);
}

bool RoutingFunctions::reads(std::string_view schema, std::string_view name) const {
    return reads_.match(schema, name, false);
}

bool RoutingFunctions::writes(std::string_view schema, std::string_view name) const {
    return writes_.match(schema, name, true);
}

}  // namespace pgpool::route
