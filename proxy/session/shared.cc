// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/shared.h"

#include <sys/random.h>

#include <cerrno>
#include <system_error>

namespace pgpool::session {

void CredentialStore::remember(const auth::Credentials& credentials) {
    if (!credentials.password && !credentials.scram && !credentials.md5_hash) return;
    const std::lock_guard lock(mutex_);
    auth::Credentials& known = by_user_[credentials.user];
    known.user = credentials.user;
    if (credentials.password) known.password = credentials.password;
    if (credentials.scram) known.scram = credentials.scram;
    if (credentials.md5_hash) known.md5_hash = credentials.md5_hash;
}

auth::Credentials CredentialStore::find(const std::string& user) const {
    const std::lock_guard lock(mutex_);
    const auto at = by_user_.find(user);
    if (at != by_user_.end()) return at->second;
    auth::Credentials none;
    none.user = user;
    return none;
}

std::size_t CredentialStore::size() const {
    const std::lock_guard lock(mutex_);
    return by_user_.size();
}

DatabasesInUse::Known DatabasesInUse::use(const std::string& database, TimePoint now) {
    const std::lock_guard lock(mutex_);
    Entry& entry = by_name_[database];
    auto marks = entry.marks.lock();
    if (!marks) {
        marks = std::make_shared<exec::DatabaseMarks>();
        marks->written_at(now);
        entry = {marks, nullptr};
    }
    return {marks, entry.facts};
}

void DatabasesInUse::changed(const std::string& database, TimePoint now) {
    if (const auto marks = marks_of(database)) marks->ddl_seen(now);
}

void DatabasesInUse::sequences_moved(const std::string& database, TimePoint look_at) {
    if (const auto marks = marks_of(database)) marks->sequences_moved(look_at);
}

std::vector<std::string> DatabasesInUse::take_sequences(TimePoint now) {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> due;
    for (const auto& [database, entry] : by_name_) {
        const auto marks = entry.marks.lock();
        if (marks && marks->take_sequences(now)) due.push_back(database);
    }
    return due;
}

// Null: it is not in use.
std::shared_ptr<exec::DatabaseMarks> DatabasesInUse::marks_of(const std::string& database) const {
    const std::lock_guard lock(mutex_);
    const auto at = by_name_.find(database);
    return at != by_name_.end() ? at->second.marks.lock() : nullptr;
}

void DatabasesInUse::left(const std::string& database) {
    const std::lock_guard lock(mutex_);
    const auto at = by_name_.find(database);
    if (at != by_name_.end() && at->second.marks.expired()) by_name_.erase(at);
}

void DatabasesInUse::keep(std::string_view database, sql::CatalogFactsPtr facts) {
    const std::lock_guard lock(mutex_);
    const auto at = by_name_.find(database);
    if (at != by_name_.end()) at->second.facts = std::move(facts);
}

bool DatabasesInUse::has(std::string_view database) const {
    const std::lock_guard lock(mutex_);
    const auto at = by_name_.find(database);
    return at != by_name_.end() && !at->second.marks.expired();
}

void fill_secure_random(char* to, std::size_t size) {
    while (size > 0) {
        const ssize_t got = ::getrandom(to, size, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw std::system_error(errno, std::generic_category(), "getrandom");
        to += got;
        size -= static_cast<std::size_t>(got);
    }
}

std::uint64_t secure_random() {
    char bytes[sizeof(std::uint64_t)];
    fill_secure_random(bytes, sizeof bytes);
    return std::uint64_t{load_be32(bytes)} << 32U | load_be32(bytes + 4);
}

}  // namespace pgpool::session
