// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/settings.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "proxy/sql/settings.h"

namespace pgpool::exec {

Settings::Settings(NameValuesTable& table, NameValuesPtr defaults)
    : table_(&table), defaults_(std::move(defaults)), committed_(defaults_), current_(defaults_) {}

NameValuesPtr Settings::reset(std::string_view name) const {
    const std::string* original = defaults_->find(name);
    return original != nullptr ? table_->with(current_, name, *original) : table_->without(current_, name);
}

bool Settings::has_room(const sql::SettingChange& change) const {
    const std::string* present = current_->find(change.name);
    const std::size_t replaced = present != nullptr ? NameValues::bytes(change.name, *present) : 0;
    return current_->bytes() - replaced + NameValues::bytes(change.name, change.value_sql) <= kMostBytes;
}

bool Settings::apply(const sql::SettingChange& change) {
    using Act = sql::SettingChange::Act;
    if (change.scope == sql::Scope::Local) return true;
    switch (change.act) {
        case Act::ResetAll: {
            // RESET ALL leaves role and session_authorization as they are (guc.c: GUC_NO_RESET_ALL).
            NameValuesPtr next = defaults_;
            for (const std::string_view kept : {"role", "session_authorization"}) {
                const std::string* value = current_->find(kept);
                next = value != nullptr ? table_->with(next, kept, *value) : table_->without(next, kept);
            }
            current_ = std::move(next);
            break;
        }
        case Act::Reset:
            current_ = reset(change.name);
            break;
        case Act::Set:
            if (!has_room(change)) return false;
            current_ = table_->with(current_, change.name, change.value_sql);
            break;
    }
    // SET SESSION AUTHORIZATION resets the role (PG documentation of that command).
    if (change.name == "session_authorization") current_ = reset("role");
    return true;
}

void Settings::replace(NameValuesPtr current) {
    committed_ = current;
    current_ = std::move(current);
    savepoints_.clear();
}

void Settings::commit() {
    if (committed_ != current_) committed_ = current_;
    if (!savepoints_.empty()) savepoints_.clear();
}

void Settings::rollback() {
    if (committed_ != current_) current_ = committed_;
    if (!savepoints_.empty()) savepoints_.clear();
}

std::optional<std::size_t> Settings::find_savepoint(std::string_view name) const {
    for (std::size_t i = savepoints_.size(); i > 0; --i) {
        if (savepoints_[i - 1].name == name) return i - 1;
    }
    return std::nullopt;
}

void Settings::savepoint(std::string_view name) {
    savepoints_.push_back({std::string(name), current_});
}

void Settings::release_savepoint(std::string_view name) {
    if (const auto at = find_savepoint(name)) savepoints_.resize(*at);
}

void Settings::rollback_to_savepoint(std::string_view name) {
    const auto at = find_savepoint(name);
    if (!at) return;
    current_ = savepoints_[*at].settings;
    savepoints_.resize(*at + 1);
}

namespace {

bool is_identity(std::string_view name) {
    return name == "role" || name == "session_authorization";
}

// Settings whose check depends on the value alone, so that what a server of the same version accepted before
// cannot fail.
bool always_accepted(std::string_view name) {
    static constexpr std::array<std::string_view, 14> kNames{"application_name",
                                                             "bytea_output",
                                                             "client_min_messages",
                                                             "datestyle",
                                                             "enable_seqscan",
                                                             "extra_float_digits",
                                                             "idle_in_transaction_session_timeout",
                                                             "intervalstyle",
                                                             "lock_timeout",
                                                             "search_path",
                                                             "standard_conforming_strings",
                                                             "statement_timeout",
                                                             "synchronous_commit",
                                                             "work_mem"};
    return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

void add_set(Replay& replay, std::string_view name, std::string_view value) {
    if (!always_accepted(name)) replay.cannot_fail = false;
    if (value.starts_with('=')) {
        replay.sql += fmt::format("SELECT pg_catalog.set_config({},{},false);", sql::quote_literal(name),
                                  sql::quote_literal(value.substr(1)));
    } else if (name == "session_authorization") {
        replay.sql += fmt::format("SET SESSION AUTHORIZATION {};", value);
    } else {
        replay.sql += fmt::format("SET {} TO {};", quote_setting_name(name), value);
    }
}

bool same(const NameValues& set, const NameValues::Pair& pair) {
    const std::string* value = set.find(pair.first);
    return value != nullptr && *value == pair.second;
}

bool is_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

void add_encoding(Replay& replay, const NameValues& from, const NameValues& to) {
    const std::string* before = from.find("client_encoding");
    const std::string* wanted = to.find("client_encoding");
    if (wanted == nullptr && before != nullptr) replay.encoding = "RESET client_encoding;";
    if (wanted == nullptr || (before != nullptr && *before == *wanted)) return;
    Replay only;
    add_set(only, "client_encoding", *wanted);
    replay.encoding = only.sql;
}

}  // namespace

Replay replay(const NameValues& from, const NameValues& to) {
    Replay result;
    if (from.pairs() == to.pairs()) return result;
    const bool identity_changes = std::any_of(from.pairs().begin(), from.pairs().end(),
                                              [&](const auto& pair) { return is_identity(pair.first); });
    if (identity_changes) {
        result.sql += "RESET SESSION AUTHORIZATION;RESET ROLE;";
        result.cannot_fail = false;
    }
    for (const auto& [name, value] : from.pairs()) {
        if (!is_identity(name) && to.find(name) == nullptr)
            result.sql += fmt::format("RESET {};", quote_setting_name(name));
    }
    for (const auto& pair : to.pairs()) {
        if (!is_identity(pair.first) && !same(from, pair)) add_set(result, pair.first, pair.second);
    }
    for (const std::string_view name : {"session_authorization", "role"}) {
        if (const std::string* value = to.find(name)) add_set(result, name, *value);
    }
    // Under a timeout of another session even a harmless SET can fail.
    if (from.find("statement_timeout") != nullptr) result.cannot_fail = false;
    if (!is_ascii(result.sql)) add_encoding(result, from, to);
    return result;
}

std::string startup_value(std::string_view text) {
    return fmt::format("={}", text);
}

std::string quote_setting_name(std::string_view name) {
    const std::size_t dot = name.find('.');
    if (dot == std::string_view::npos) return sql::in_quotes(name);
    return sql::in_quotes(name.substr(0, dot)) + "." + quote_setting_name(name.substr(dot + 1));
}

}  // namespace pgpool::exec
