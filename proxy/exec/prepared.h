// SPDX-License-Identifier: PostgreSQL
#pragma once

// Prepared statements over shared server connections.
//
// A client's statement name means something to that client only. What it named (PreparedStatement) is
// interned per worker by text, parameter types and scope, and lives on server connections under a name of
// ours, prepared there when it is first needed and dropped when least recently used. A statement made by SQL
// PREPARE, or one that is touched by SQL EXECUTE or DEALLOCATE, lives on the server under the client's own
// name for as long as the client holds the connection. Pure; one worker only.

#include <cstdint>
#include <initializer_list>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/bytes.h"
#include "proxy/route/classify.h"
#include "proxy/sql/catalog_facts.h"

namespace pgpool::exec {

struct PreparedStatement {
    std::uint64_t id = 0;
    std::string server_name;    // our name for it
    std::string scope;          // who may share it, see intern()
    std::string sql_and_types;  // body of Parse after the name; for SQL PREPARE the whole text of the command
    bool by_sql = false;        // made by SQL PREPARE
    sql::StatementInfoPtr info;            // of the text; for SQL PREPARE of what is inside
    mutable route::CachedVerdict verdict;  // of `info`; one worker only
    mutable bool is_proven = false;        // the primary has prepared it: another Parse of it succeeds too
};
using PreparedPtr = std::shared_ptr<const PreparedStatement>;

// Body of a Parse after the name (PG documentation 55.7): the text, and types of its parameters.
[[nodiscard]] std::string parse_body(std::string_view sql, std::initializer_list<std::uint32_t> types = {});

// The same for other nodes: types of users have other numbers there, and are inferred. Nothing: it has none.
[[nodiscard]] std::optional<std::string> without_own_types(std::string_view sql_and_types);

class PreparedRegistry {
public:
    // `prefix` must be unguessable: a client that names a statement like ours would see it.
    explicit PreparedRegistry(std::string prefix) : prefix_(std::move(prefix)) {}

    // `scope`: two clients share a statement only if theirs are equal (user, database, the last change of its
    // schema, search_path, role; or the session itself). No two scopes joined with a text may be the same.
    [[nodiscard]] PreparedPtr intern(ByteView sql_and_types, std::string_view scope,
                                     const sql::StatementInfoPtr& info);
    [[nodiscard]] PreparedPtr find(ByteView sql_and_types, std::string_view scope);  // null: unknown
    // `scope`: what its meaning rests on, as for intern(); empty: nobody knows.
    [[nodiscard]] PreparedPtr by_sql(std::string_view text, std::string_view scope,
                                     const sql::StatementInfoPtr& info);
    [[nodiscard]] std::size_t size() const { return statements_.size(); }
    [[nodiscard]] const std::string& prefix() const { return prefix_; }

private:
    void sweep();

    std::string prefix_;
    std::uint64_t last_id_ = 0;
    sql::NameMap<std::weak_ptr<const PreparedStatement>> statements_;
    std::size_t sweep_at_ = 256;
    std::string key_;  // kept for its memory
};

// PostgreSQL keeps names of statements in NAMEDATALEN bytes: longer ones are the same if their first 63 bytes
// are.
[[nodiscard]] constexpr std::string_view statement_key(std::string_view name) {
    return name.substr(0, 63);
}

// Statements by the names that clients gave them.
class NamedStatements {
public:
    [[nodiscard]] const PreparedPtr* find(std::string_view name) const;
    void set(std::string_view name, PreparedPtr statement);  // null: removes
    void clear();
    [[nodiscard]] bool contains(std::string_view name) const { return find(name) != nullptr; }
    [[nodiscard]] bool empty() const { return !named_ || named_->empty(); }
    [[nodiscard]] std::vector<std::string> names() const;

private:
    std::unique_ptr<sql::NameMap<PreparedPtr>> named_;  // made when first needed: most clients have none
};

// The unnamed statement of a client.
struct ClientUnnamed {
    std::uint64_t serial = 0;  // 0: it has none
    std::string body;          // of its Parse, after the name
    sql::StatementInfoPtr info;

    void forget() {  // its memory is kept
        serial = 0;
        info.reset();
    }
};

// Which unnamed statement a server connection holds: the `serial`th of a session; {0, 0} = none.
struct UnnamedStatement {
    std::uint64_t session = 0;
    std::uint64_t serial = 0;
    // Nobody's; what is there must be closed or replaced before anybody may name it.
    [[nodiscard]] static UnnamedStatement unknown() { return {0, UINT64_MAX}; }
    friend bool operator==(const UnnamedStatement&, const UnnamedStatement&) = default;
};

// What is prepared on one server connection.
class ServerStatements {
public:
    explicit ServerStatements(std::uint32_t capacity) : capacity_(capacity) {}

    [[nodiscard]] bool has(const PreparedStatement& statement);  // and marks it as just used
    void add(PreparedPtr statement);
    [[nodiscard]] PreparedPtr evict();  // one that must go to make room for another; null if there is room
    void forget(std::uint64_t id);
    void clear();  // DEALLOCATE ALL, DISCARD ALL
    [[nodiscard]] bool empty() const { return by_id_.empty(); }

    // Under the clients' own names; they belong to one session at a time.
    UnnamedStatement unnamed;
    NamedStatements own_names;

private:
    std::uint32_t capacity_;
    std::list<PreparedPtr> by_use_;  // most recently used first
    std::unordered_map<std::uint64_t, std::list<PreparedPtr>::iterator> by_id_;
};

}  // namespace pgpool::exec
