// SPDX-License-Identifier: PostgreSQL
#include "tests/support/fake_sql.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <utility>

namespace pgpool::support {

namespace {

using Kind = Outcome::Kind;

constexpr int kDeepest = 100;

constexpr std::array<std::string_view, 35> kFirstWords{
    "select",   "values",  "insert",   "update",     "delete",    "create",   "drop",   "begin",  "start",
    "commit",   "end",     "rollback", "abort",      "savepoint", "release",  "set",    "reset",  "show",
    "discard",  "prepare", "execute",  "deallocate", "copy",      "declare",  "fetch",  "close",  "listen",
    "unlisten", "do",      "call",     "lock",       "vacuum",    "truncate", "notify", "explain"};

// Parameters that a server reports, with their names as it writes them.
const std::map<std::string, std::string, std::less<>>& reported_names() {
    static const std::map<std::string, std::string, std::less<>> kNames{
        {"application_name", "application_name"},
        {"client_encoding", "client_encoding"},
        {"datestyle", "DateStyle"},
        {"in_hot_standby", "in_hot_standby"},
        {"intervalstyle", "IntervalStyle"},
        {"server_version", "server_version"},
        {"session_authorization", "session_authorization"},
        {"standard_conforming_strings", "standard_conforming_strings"},
        {"timezone", "TimeZone"}};
    return kNames;
}

bool is_setting(std::string_view name) {
    static constexpr std::array<std::string_view, 8> kOthers{
        "work_mem", "statement_timeout", "search_path",  "extra_float_digits",
        "role",     "lock_timeout",      "row_security", "default_transaction_read_only"};
    return reported_names().contains(name) || name.find('.') != std::string_view::npos ||
           std::find(kOthers.begin(), kOthers.end(), name) != kOthers.end();
}

Outcome done(std::string tag) {
    Outcome outcome;
    outcome.tag = std::move(tag);
    return outcome;
}
Outcome failed(std::string sqlstate, std::string message) {
    Outcome outcome;
    outcome.kind = Kind::Failed;
    outcome.sqlstate = std::move(sqlstate);
    outcome.message = std::move(message);
    return outcome;
}
Outcome rows(std::vector<std::string> values, std::string_view verb = "SELECT") {
    Outcome outcome;
    outcome.has_rows = true;
    outcome.tag = std::string(verb) + " " + std::to_string(values.size());
    outcome.rows = std::move(values);
    return outcome;
}
Outcome in_aborted_transaction() {
    return failed("25P02", "current transaction is aborted, commands ignored until end of transaction block");
}

bool is_word_character(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '$' ||
           (static_cast<unsigned char>(c) & 0x80U) != 0;
}

// Reads the words of one text; a semicolon outside quotes ends a statement.
class Reader {
public:
    explicit Reader(std::string_view sql) : sql_(sql) {}

    std::vector<SqlText> read() {
        std::vector<SqlText> all;
        std::size_t start = 0;
        SqlText current;
        const auto finish = [&](std::size_t end) {
            current.text = std::string(sql_.substr(start, end - start));
            if (!current.words.empty()) all.push_back(std::move(current));
            current = {};
        };
        while (skip_space()) {
            if (current.words.empty()) start = at_;
            if (sql_[at_] != ';') {
                current.words.push_back(word());
                continue;
            }
            finish(at_);
            ++at_;
        }
        finish(sql_.size());
        return all;
    }

private:
    bool skip_space() {
        while (at_ < sql_.size()) {
            if (std::isspace(static_cast<unsigned char>(sql_[at_])) != 0) {
                ++at_;
            } else if (sql_.substr(at_, 2) == "/*") {
                const std::size_t end = sql_.find("*/", at_);
                at_ = end == std::string_view::npos ? sql_.size() : end + 2;
            } else if (sql_.substr(at_, 2) == "--") {
                at_ = std::min(sql_.find('\n', at_), sql_.size());
            } else {
                return true;
            }
        }
        return false;
    }

    Word word() {
        const char first = sql_[at_];
        if ((first == 'E' || first == 'e') && at_ + 1 < sql_.size() && sql_[at_ + 1] == '\'') {
            ++at_;
            return {Word::Kind::Literal, quoted('\'', true)};
        }
        if (first == '\'') return {Word::Kind::Literal, quoted('\'', false)};
        if (first != '"' && !is_word_character(first)) {
            ++at_;
            return {Word::Kind::Symbol, std::string(1, first)};
        }
        return {Word::Kind::Name, name()};
    }

    // A name, whose parts may be quoted: app."User".
    std::string name() {
        std::string text;
        while (at_ < sql_.size()) {
            if (sql_[at_] == '"') {
                text += quoted('"', false);
            } else if (is_word_character(sql_[at_])) {
                text.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(sql_[at_++]))));
            } else {
                break;
            }
        }
        return text;
    }

    std::string quoted(char quote, bool escapes) {
        std::string text;
        for (++at_; at_ < sql_.size(); ++at_) {
            if (escapes && sql_[at_] == '\\' && at_ + 1 < sql_.size()) {
                text.push_back(sql_[++at_]);
            } else if (sql_[at_] != quote) {
                text.push_back(sql_[at_]);
            } else if (at_ + 1 < sql_.size() && sql_[at_ + 1] == quote) {
                text.push_back(sql_[at_++]);
            } else {
                ++at_;
                break;
            }
        }
        return text;
    }

    std::string_view sql_;
    std::size_t at_ = 0;
};

bool ends_transaction(const SqlText& sql) {
    return sql.is(0, "commit") || sql.is(0, "end") || sql.is(0, "rollback") || sql.is(0, "abort");
}

}  // namespace

std::vector<SqlText> read_sql(std::string_view sql) {
    return Reader(sql).read();
}

FakeSql::FakeSql(FakeNode& node, Settings startup) : node_(node) {
    defaults_ = {{"application_name", ""},
                 {"client_encoding", "UTF8"},
                 {"datestyle", "ISO, MDY"},
                 {"in_hot_standby", node.is_standby ? "on" : "off"},
                 {"intervalstyle", "postgres"},
                 {"server_version", "15.0"},
                 {"session_authorization", "amy"},
                 {"standard_conforming_strings", "on"},
                 {"timezone", "UTC"}};
    for (auto& [name, value] : startup) defaults_[name] = std::move(value);
    settings_ = committed_settings_ = defaults_;
    static_cast<void>(changed_reports());
}

FakeSql::Reports FakeSql::reports() const {
    Reports all;
    for (const auto& [name, shown] : reported_names()) all.emplace_back(shown, settings_.at(name));
    return all;
}

FakeSql::Reports FakeSql::changed_reports() {
    Reports changed;
    for (auto& [shown, value] : reports()) {
        std::string& last = reported_[shown];
        if (last != value) changed.emplace_back(shown, value);
        last = value;
    }
    return changed;
}

std::string FakeSql::own_state() const {
    std::string state;
    for (const auto& name : objects_.temp_tables) state += " temporary table " + name;
    for (const auto& name : objects_.channels) state += " channel " + name;
    for (const auto& [name, holds] : objects_.cursors) state += " cursor " + name;
    if (advisory_locks_ > 0) state += " advisory lock";
    return state;
}

std::optional<Outcome> FakeSql::refuses(const SqlText& sql) const {
    if (sql.words.empty()) return std::nullopt;
    const bool is_sql = std::find(kFirstWords.begin(), kFirstWords.end(), sql.at(0)) != kFirstWords.end();
    if (!is_sql) return failed("42601", "syntax error at or near \"" + sql.at(0) + "\"");
    if (status_ == Status::Failed && !ends_transaction(sql)) return in_aborted_transaction();
    return std::nullopt;
}

bool FakeSql::gives_rows(const SqlText& sql) const {
    if (sql.is(0, "execute")) {
        const auto at = prepared_.find(sql.at(1));
        return at != prepared_.end() && at->second.gives_rows;
    }
    const bool returns = std::any_of(sql.words.begin(), sql.words.end(), [](const Word& word) {
        return word.kind == Word::Kind::Name && word.text == "returning";
    });
    return returns || sql.is(0, "select") || sql.is(0, "values") || sql.is(0, "show") || sql.is(0, "fetch");
}

Outcome FakeSql::run(const SqlText& sql, const std::vector<std::string>& parameters) {
    if (sql.words.empty()) {
        Outcome empty;
        empty.kind = Kind::Empty;
        return empty;
    }
    if (auto refusal = refuses(sql)) return *std::move(refusal);
    const std::string& verb = sql.words[0].text;
    if (verb == "select" || verb == "values") return select(sql, parameters);
    if (verb == "insert") return write(sql, "INSERT 0 1");
    if (verb == "update") return write(sql, "UPDATE 1");
    if (verb == "delete") return write(sql, "DELETE 1");
    if (verb == "truncate") return write(sql, "TRUNCATE TABLE");
    if (verb == "create" || verb == "drop") return create_or_drop(sql);
    if (verb == "begin" || verb == "start") return transaction(sql);
    if (verb == "commit" || verb == "end") return commit(sql);
    if (verb == "rollback" || verb == "abort") return rollback(sql);
    if (verb == "savepoint" || verb == "release") return savepoint(sql);
    if (verb == "set") return set(sql);
    if (verb == "reset") return reset(sql);
    if (verb == "show") {
        const auto at = settings_.find(sql.at(1));
        Outcome outcome = rows({at == settings_.end() ? std::string() : at->second});
        outcome.tag = "SHOW";
        return outcome;
    }
    if (verb == "discard") return discard(sql);
    if (verb == "prepare") return prepare(sql);
    if (verb == "execute") return execute(sql);
    if (verb == "deallocate") return deallocate(sql);
    if (verb == "copy") return copy(sql);
    if (verb == "declare" || verb == "fetch" || verb == "close") return cursor(sql);
    if (verb == "listen") {
        objects_.channels.insert(sql.at(1));
        return done("LISTEN");
    }
    if (verb == "unlisten") {
        if (sql.is(1, "*")) objects_.channels.clear();
        objects_.channels.erase(sql.at(1));
        return done("UNLISTEN");
    }
    std::string tag = verb;
    std::transform(tag.begin(), tag.end(), tag.begin(), [](unsigned char c) { return std::toupper(c); });
    return done(tag);
}

Outcome FakeSql::select(const SqlText& sql, const std::vector<std::string>& parameters) {
    std::size_t expression = sql.is(0, "values") ? 2 : 1;
    if (sql.is(expression, "1") && sql.is(expression + 1, "/") && sql.is(expression + 2, "0")) {
        return failed("22012", "division by zero");
    }
    Outcome outcome;
    if (sql.is(expression + 1, "(") && sql.words[expression].kind == Word::Kind::Name) {
        outcome = function(sql, expression);
        if (outcome.kind != Kind::Done) return outcome;
    } else {
        std::string value = sql.at(expression);
        if (value.starts_with('$') && sql.words[expression].kind == Word::Kind::Name) {
            const auto number = static_cast<std::size_t>(std::atoi(value.c_str() + 1));
            value = number >= 1 && number <= parameters.size() ? parameters[number - 1] : "";
        }
        outcome = rows({value});
    }
    for (std::size_t i = 0; i + 5 < sql.words.size(); ++i) {
        if (!sql.is(i, "from") || !sql.is(i + 1, "generate_series")) continue;
        const int count = std::min(std::atoi(sql.at(i + 5).c_str()), 10'000);
        return rows(std::vector<std::string>(static_cast<std::size_t>(std::max(count, 0)), outcome.rows[0]));
    }
    return outcome;
}

// set_config and current_setting, advisory locks, pg_sleep, and two that behave on a standby as functions
// may: writes_after_all() is refused there, conflict() is cancelled by recovery.
Outcome FakeSql::function(const SqlText& sql, std::size_t at) {
    std::string name = sql.at(at);
    if (name.starts_with("pg_catalog.")) name.erase(0, 11);
    if (name == "pg_sleep" && !std::exchange(has_slept_, false)) {
        Outcome sleeps;
        sleeps.kind = Kind::Sleeps;
        return sleeps;
    }
    if (name == "set_config") {
        if (sql.is(at + 6, "true")) local_.try_emplace(sql.at(at + 2), settings_[sql.at(at + 2)]);
        settings_[sql.at(at + 2)] = sql.at(at + 4);
        return rows({sql.at(at + 4)});
    }
    if (name == "current_setting") return rows({settings_[sql.at(at + 2)]});
    if (name == "pg_advisory_lock") ++advisory_locks_;
    if (name == "pg_advisory_unlock_all") advisory_locks_ = 0;
    if (node_.is_standby && name == "writes_after_all") {
        return failed("25006", "cannot execute INSERT in a read-only transaction");
    }
    if (node_.is_standby && name == "conflict") {
        return failed("40001", "canceling statement due to conflict with recovery");
    }
    return rows({name});
}

Outcome FakeSql::write(const SqlText& sql, std::string tag) {
    if (is_read_only()) return failed("25006", "cannot execute INSERT in a read-only transaction");
    for (std::size_t i = 0; i < sql.words.size(); ++i) {
        if (sql.words[i].kind == Word::Kind::Literal && sql.words[i].text == "dup") {
            return failed("23505", "duplicate key value violates unique constraint");
        }
        if (sql.is(i, "returning")) {
            wrote(sql.text);
            Outcome outcome = rows({sql.at(i + 1)});
            outcome.tag = std::move(tag);
            return outcome;
        }
    }
    wrote(sql.text);
    return done(std::move(tag));
}

Outcome FakeSql::create_or_drop(const SqlText& sql) {
    const bool creates = sql.is(0, "create");
    if (creates && (sql.is(1, "temp") || sql.is(1, "temporary"))) {
        objects_.temp_tables.insert(sql.at(3));
        return done("CREATE TABLE");
    }
    if (is_read_only()) return failed("25006", "cannot execute CREATE TABLE in a read-only transaction");
    if (!creates) objects_.temp_tables.erase(sql.at(2));
    wrote(sql.text);
    return done(creates ? "CREATE TABLE" : "DROP TABLE");
}

Outcome FakeSql::transaction(const SqlText& sql) {
    Outcome outcome = done(sql.is(0, "start") ? "START TRANSACTION" : "BEGIN");
    if (status_ != Status::Idle) outcome.notice = "25001";
    status_ = Status::InTransaction;
    for (std::size_t i = 0; i + 1 < sql.words.size(); ++i) {
        if (sql.is(i, "read") && sql.is(i + 1, "only")) read_only_ = true;
    }
    return outcome;
}

void FakeSql::end_transaction(bool commits) {
    if (commits) {
        for (const auto& [name, value] : local_) settings_[name] = value;
        committed_settings_ = settings_;
        node_.committed.insert(node_.committed.end(), pending_.begin(), pending_.end());
    } else {
        settings_ = committed_settings_;
    }
    if (!commits) objects_ = committed_objects_;
    std::erase_if(objects_.cursors, [](const auto& cursor) { return !cursor.second; });
    committed_objects_ = objects_;
    local_.clear();
    pending_.clear();
    savepoints_.clear();
    read_only_ = false;
    ++transactions_;
}

void FakeSql::end_implicit() {
    if (status_ == Status::Idle) end_transaction(true);
}

void FakeSql::abort() {
    if (status_ == Status::Idle) return end_transaction(false);
    status_ = Status::Failed;
}

Outcome FakeSql::commit(const SqlText& sql) {
    const bool failed = status_ == Status::Failed;
    Outcome outcome = done(failed ? "ROLLBACK" : "COMMIT");
    const bool chains = sql.is(sql.words.size() - 1, "chain");
    if (status_ == Status::Idle) outcome.notice = "25P01";
    const bool was_open = status_ != Status::Idle;
    status_ = Status::Idle;
    end_transaction(!failed);
    if (chains && was_open) status_ = Status::InTransaction;
    return outcome;
}

Outcome FakeSql::rollback(const SqlText& sql) {
    for (std::size_t i = 1; i < sql.words.size(); ++i) {
        if (!sql.is(i, "to")) continue;
        const std::string name = sql.at(sql.words.size() - 1);
        const auto at = std::find_if(savepoints_.rbegin(), savepoints_.rend(),
                                     [&](const Savepoint& savepoint) { return savepoint.name == name; });
        if (at == savepoints_.rend()) return failed("3B001", "savepoint does not exist");
        settings_ = at->settings;
        pending_.resize(std::min(pending_.size(), at->pending));
        savepoints_.resize(static_cast<std::size_t>(savepoints_.rend() - at));
        status_ = Status::InTransaction;
        return done("ROLLBACK");
    }
    Outcome outcome = done("ROLLBACK");
    if (status_ == Status::Idle) outcome.notice = "25P01";
    status_ = Status::Idle;
    end_transaction(false);
    return outcome;
}

Outcome FakeSql::savepoint(const SqlText& sql) {
    if (status_ == Status::Idle) return failed("25P01", "SAVEPOINT can only be used in transaction blocks");
    const std::string name = sql.at(sql.words.size() - 1);
    if (sql.is(0, "savepoint")) {
        savepoints_.push_back({name, settings_, pending_.size()});
        return done("SAVEPOINT");
    }
    const auto at = std::find_if(savepoints_.rbegin(), savepoints_.rend(),
                                 [&](const Savepoint& savepoint) { return savepoint.name == name; });
    if (at == savepoints_.rend()) return failed("3B001", "savepoint does not exist");
    savepoints_.resize(static_cast<std::size_t>(savepoints_.rend() - at) - 1);
    return done("RELEASE");
}

Outcome FakeSql::set(const SqlText& sql) {
    std::size_t at = 1;
    const bool local = sql.is(at, "local");
    if (local || (sql.is(at, "session") && !sql.is(at + 1, "authorization"))) ++at;
    if (sql.is(at, "transaction") || sql.is(at, "characteristics")) return done("SET");
    if (local) {
        if (status_ == Status::Idle) {
            Outcome outcome = done("SET");
            outcome.notice = "25P01";
            return outcome;
        }
        local_.try_emplace(sql.at(at), settings_[sql.at(at)]);
    } else {
        local_.erase(sql.at(at));
    }
    if (sql.is(at, "session") && sql.is(at + 1, "authorization")) {
        return set_value("session_authorization", sql, at + 2);
    }
    if (sql.is(at, "role") && !sql.is(at + 1, "to")) return set_value("role", sql, at + 1);
    if (sql.is(at, "names")) return set_value("client_encoding", sql, at + 1);
    if (sql.is(at, "time") && sql.is(at + 1, "zone")) return set_value("timezone", sql, at + 2);
    return set_value(sql.at(at), sql, at + 2);
}

Outcome FakeSql::set_value(std::string name, const SqlText& sql, std::size_t at) {
    if (!is_setting(name)) return failed("42704", "unrecognized configuration parameter \"" + name + "\"");
    std::string value;
    for (std::size_t i = at; i < sql.words.size(); ++i) value += sql.is(i, ",") ? ", " : sql.at(i);
    if (value == "bad") return failed("22023", "invalid value for parameter \"" + name + "\"");
    if (sql.is(at, "default") || (name == "role" && value == "none")) {
        set_back(name);
    } else {
        settings_[name] = value;
    }
    return done("SET");
}

void FakeSql::set_back(const std::string& name) {
    const auto at = defaults_.find(name);
    if (at == defaults_.end()) {
        settings_.erase(name);
    } else {
        settings_[name] = at->second;
    }
    if (name == "session_authorization") settings_.erase("role");
}

Outcome FakeSql::reset(const SqlText& sql) {
    if (sql.is(1, "all")) {
        const Settings before = std::exchange(settings_, defaults_);
        for (const char* kept : {"role", "session_authorization"}) {
            if (const auto at = before.find(kept); at != before.end()) settings_[kept] = at->second;
        }
        std::erase_if(local_, [](const auto& entry) { return entry.first != "role"; });
        return done("RESET");
    }
    const std::string name = sql.is(1, "session") ? "session_authorization" : sql.at(1);
    if (!is_setting(name)) return failed("42704", "unrecognized configuration parameter \"" + name + "\"");
    set_back(name);
    return done("RESET");
}

// The unnamed statement is no part of what SQL can name.
void FakeSql::drop_prepared() {
    std::erase_if(prepared_, [](const auto& prepared) { return !prepared.first.empty(); });
}

Outcome FakeSql::discard(const SqlText& sql) {
    if (!sql.is(1, "all")) {
        if (sql.is(1, "temp")) objects_.temp_tables.clear();
        return done("DISCARD " + std::string(sql.is(1, "temp") ? "TEMP" : "PLANS"));
    }
    if (status_ != Status::Idle) {
        return failed("25001", "DISCARD ALL cannot run inside a transaction block");
    }
    settings_ = committed_settings_ = defaults_;  // it commits at once
    drop_prepared();
    objects_ = committed_objects_ = {};
    advisory_locks_ = 0;
    ++transactions_;  // closes portals
    return done("DISCARD ALL");
}

Outcome FakeSql::prepare(const SqlText& sql) {
    const std::string name = sql.at(1);
    if (prepared_.contains(name)) {
        return failed("42P05", "prepared statement \"" + name + "\" already exists");
    }
    std::size_t at = 2;
    while (at < sql.words.size() && !sql.is(at, "as")) ++at;
    if (at + 1 >= sql.words.size()) return failed("42601", "syntax error at end of input");
    SqlText inner{Words(sql.words.begin() + static_cast<std::ptrdiff_t>(at) + 1, sql.words.end()), sql.text};
    if (auto refusal = refuses(inner)) return *std::move(refusal);
    const bool has_rows = gives_rows(inner);
    prepared_[name] = {std::move(inner), 0, has_rows};
    return done("PREPARE");
}

Outcome FakeSql::execute(const SqlText& sql) {
    const auto at = prepared_.find(sql.at(1));
    if (at == prepared_.end()) {
        return failed("26000", "prepared statement \"" + sql.at(1) + "\" does not exist");
    }
    std::vector<std::string> arguments;
    for (std::size_t i = 3; i < sql.words.size() && !sql.is(i, ")"); ++i) {
        if (!sql.is(i, ",")) arguments.push_back(sql.at(i));
    }
    if (nested_ == kDeepest) return failed("54001", "stack depth limit exceeded");  // it may name itself
    ++nested_;
    Outcome outcome = run(SqlText(at->second.sql), arguments);
    --nested_;
    return outcome;
}

Outcome FakeSql::deallocate(const SqlText& sql) {
    const std::size_t at = sql.is(1, "prepare") ? 2 : 1;
    if (sql.is(at, "all")) {
        drop_prepared();
        return done("DEALLOCATE ALL");
    }
    if (prepared_.erase(sql.at(at)) == 0) {
        return failed("26000", "prepared statement \"" + sql.at(at) + "\" does not exist");
    }
    return done("DEALLOCATE");
}

Outcome FakeSql::copy(const SqlText& sql) {
    Outcome outcome;
    outcome.kind = sql.is(2, "from") ? Kind::CopyIn : Kind::CopyOut;
    if (outcome.kind == Kind::CopyIn && is_read_only()) {
        return failed("25006", "cannot execute COPY FROM in a read-only transaction");
    }
    outcome.tag = "COPY 2";
    outcome.rows = {"one\n", "two\n"};
    return outcome;
}

Outcome FakeSql::cursor(const SqlText& sql) {
    const std::string name = sql.is(0, "fetch") ? sql.at(sql.words.size() - 1) : sql.at(1);
    if (!sql.is(0, "declare")) {
        if (!objects_.cursors.contains(name))
            return failed("34000", "cursor \"" + name + "\" does not exist");
        if (sql.is(0, "fetch")) return rows({name}, "FETCH");
        objects_.cursors.erase(name);
        return done("CLOSE CURSOR");
    }
    const bool holds = sql.is(3, "with") && sql.is(4, "hold");
    if (!holds && status_ == Status::Idle) {
        return failed("25P01", "DECLARE CURSOR can only be used in transaction blocks");
    }
    if (!objects_.cursors.emplace(name, holds).second) {
        return failed("42P03", "cursor \"" + name + "\" already exists");
    }
    return done("DECLARE CURSOR");
}

}  // namespace pgpool::support
