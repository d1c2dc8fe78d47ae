// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/prepared.h"

#include <fmt/core.h>

#include <algorithm>

namespace pgpool::exec {

std::optional<std::string> without_own_types(std::string_view sql_and_types) {
    constexpr std::uint32_t kFirstOfUsers = 16384;  // FirstNormalObjectId
    std::optional<std::string> out;
    const std::size_t text = std::min(sql_and_types.find('\0'), sql_and_types.size());
    for (std::size_t at = text + 3; at + 4 <= sql_and_types.size(); at += 4) {
        if (Cursor(sql_and_types.substr(at)).u32() < kFirstOfUsers) continue;
        if (!out) out = sql_and_types;
        out->replace(at, 4, 4, '\0');
    }
    return out;
}

std::string parse_body(std::string_view sql, std::initializer_list<std::uint32_t> types) {
    std::string body(sql);
    body.push_back('\0');
    append_be16(body, static_cast<std::uint16_t>(types.size()));
    for (const std::uint32_t type : types) append_be32(body, type);
    return body;
}

PreparedPtr PreparedRegistry::find(ByteView sql_and_types, std::string_view scope) {
    key_.assign(scope);
    key_.push_back('\0');
    key_.append(sql_and_types);
    const auto at = statements_.find(key_);
    return at != statements_.end() ? at->second.lock() : nullptr;
}

PreparedPtr PreparedRegistry::intern(ByteView sql_and_types, std::string_view scope,
                                     const sql::StatementInfoPtr& info) {
    if (PreparedPtr known = find(sql_and_types, scope)) return known;
    if (statements_.size() >= sweep_at_) sweep();
    auto made = std::make_shared<PreparedStatement>();
    made->id = ++last_id_;
    made->server_name = fmt::format("{}{}", prefix_, made->id);
    made->scope = scope;
    made->sql_and_types = sql_and_types;
    made->info = info;
    statements_.insert_or_assign(key_, made);
    return made;
}

PreparedPtr PreparedRegistry::by_sql(std::string_view text, std::string_view scope,
                                     const sql::StatementInfoPtr& info) {
    auto made = std::make_shared<PreparedStatement>();
    made->id = ++last_id_;
    made->sql_and_types = text;
    made->scope = scope;
    made->by_sql = true;
    made->info = info;
    return made;
}

void PreparedRegistry::sweep() {
    std::erase_if(statements_, [](const auto& entry) { return entry.second.expired(); });
    sweep_at_ = std::max<std::size_t>(256, statements_.size() * 2);
}

const PreparedPtr* NamedStatements::find(std::string_view name) const {
    if (!named_) return nullptr;
    const auto at = named_->find(statement_key(name));
    return at == named_->end() ? nullptr : &at->second;
}

void NamedStatements::set(std::string_view name, PreparedPtr statement) {
    name = statement_key(name);
    if (!statement) {
        if (!named_) return;
        const auto at = named_->find(name);
        if (at != named_->end()) named_->erase(at);
        return;
    }
    if (!named_) named_ = std::make_unique<sql::NameMap<PreparedPtr>>();
    const auto at = named_->find(name);
    if (at != named_->end()) {
        at->second = std::move(statement);
    } else {
        named_->emplace(name, std::move(statement));
    }
}

std::vector<std::string> NamedStatements::names() const {
    std::vector<std::string> all;
    if (named_) {
        for (const auto& [name, statement] : *named_) all.push_back(name);
    }
    return all;
}

void NamedStatements::clear() {
    named_.reset();
}

bool ServerStatements::has(const PreparedStatement& statement) {
    const auto at = by_id_.find(statement.id);
    if (at == by_id_.end()) return false;
    by_use_.splice(by_use_.begin(), by_use_, at->second);
    return true;
}

void ServerStatements::add(PreparedPtr statement) {
    const std::uint64_t id = statement->id;
    by_use_.push_front(std::move(statement));
    by_id_[id] = by_use_.begin();
}

PreparedPtr ServerStatements::evict() {
    if (by_use_.size() < capacity_ || by_use_.empty()) return nullptr;
    PreparedPtr oldest = by_use_.back();
    forget(oldest->id);
    return oldest;
}

void ServerStatements::forget(std::uint64_t id) {
    const auto at = by_id_.find(id);
    if (at == by_id_.end()) return;
    by_use_.erase(at->second);
    by_id_.erase(at);
}

void ServerStatements::clear() {
    by_use_.clear();
    by_id_.clear();
    unnamed = UnnamedStatement::unknown();  // neither command drops it
    own_names.clear();
}

}  // namespace pgpool::exec
