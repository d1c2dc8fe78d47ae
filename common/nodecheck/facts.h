// SPDX-License-Identifier: PostgreSQL
#pragma once

// What of a node decides how it executes statements: nodes that get the same statements (mode replication)
// must be alike in it. The queries that ask a node, and their rows as facts. Pure: who asks is another's
// business.

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pgpool::nodecheck {

using Row = std::vector<std::string>;  // NULL as an empty text
using Values = std::map<std::string, std::string>;

struct DatabaseFacts {
    Values properties;  // encoding, collation …
    Values extensions;  // name -> version; filled by add_extensions
    bool extensions_known = false;
};

struct NodeFacts {
    std::string node;
    Values settings;
    std::map<std::string, DatabaseFacts> databases;
};

// Run in any one database. Two columns: name, value. One row for each setting that counts, one for each that
// a database or a role has for itself.
[[nodiscard]] std::string_view settings_query();
// Run in any one database. Three columns: database, property, value. Databases that take no connections are
// not among them, nor template0. `major` is the server's version, 15.
[[nodiscard]] std::string databases_query(int major);
[[nodiscard]] int major_version(const NodeFacts& facts);  // from the settings; 0: they do not tell
// Run in each database. Two columns: name, version.
[[nodiscard]] std::string_view extensions_query();

void add_settings(NodeFacts& facts, std::span<const Row> rows);
void add_databases(NodeFacts& facts, std::span<const Row> rows);
void add_extensions(NodeFacts& facts, const std::string& database, std::span<const Row> rows);

}  // namespace pgpool::nodecheck
