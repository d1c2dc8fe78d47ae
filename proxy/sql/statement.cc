// SPDX-License-Identifier: PostgreSQL
#include "proxy/sql/statement.h"

#include <fmt/format.h>

#include <array>
#include <iterator>
#include <utility>

#include "proxy/sql/settings.h"

namespace pgpool::sql {
namespace {

constexpr auto kKindNames = std::to_array<const char*>({
    "unknown",
    "empty",
    "select",
    "insert",
    "update",
    "delete",
    "merge",
    "select-into",
    "copy-from",
    "copy-to",
    "begin",
    "commit",
    "rollback",
    "savepoint",
    "release-savepoint",
    "rollback-to-savepoint",
    "prepare-transaction",
    "commit-prepared",
    "rollback-prepared",
    "set-transaction",
    "set",
    "show",
    "prepare",
    "execute",
    "deallocate",
    "declare-cursor",
    "fetch",
    "close-cursor",
    "listen",
    "unlisten",
    "notify",
    "discard",
    "do",
    "call",
    "explain",
    "lock",
    "truncate",
    "ddl",
    "vacuum",
    "utility",
    "pgpool",
});
static_assert(kKindNames.size() == static_cast<std::size_t>(Kind::Pgpool) + 1);

constexpr auto kLeavesNames = std::to_array<std::pair<Leaves, const char*>>({
    {Leaves::TempObject, "temp-object"},
    {Leaves::Listen, "listen"},
    {Leaves::HoldCursor, "hold-cursor"},
    {Leaves::AdvisoryLock, "advisory-lock"},
    {Leaves::UnknownCode, "unknown-code"},
    {Leaves::UnknownSetting, "unknown-setting"},
    {Leaves::SnapshotExport, "snapshot-export"},
    {Leaves::LargeObject, "large-object"},
});

constexpr auto kIsolationNames =
    std::to_array<const char*>({"read uncommitted", "read committed", "repeatable read", "serializable"});

std::string dotted(const std::string& schema, const std::string& name) {
    return schema.empty() ? name : schema + "." + name;
}

const char* suffix(Access access) {
    switch (access) {
        case Access::Write:
            return ":write";
        case Access::RowLock:
            return ":lock";
        case Access::Read:
            break;
    }
    return "";
}

// " label=a,b", or nothing for an empty list.
template <typename List, typename Text>
void add_list(std::string& out, const char* label, const List& list, Text text) {
    if (list.empty()) return;
    out += label;
    const char* comma = "";
    for (const auto& item : list) {
        out += comma + text(item);
        comma = ",";
    }
}

void add_flag(std::string& out, bool flag, const char* word) {
    if (flag) out += word;
}

void add_transaction(std::string& out, const TransactionOptions& options) {
    if (options.isolation) {
        out +=
            fmt::format(" isolation=[{}]", kIsolationNames.at(static_cast<std::size_t>(*options.isolation)));
    }
    if (options.read_only) out += *options.read_only ? " read-only" : " read-write";
    if (options.deferrable) out += *options.deferrable ? " deferrable" : " not-deferrable";
    add_flag(out, options.chain, " chain");
}

std::string describe(const Statement& statement) {
    std::string out = to_string(statement.kind);
    add_flag(out, statement.explained, " explained");
    add_flag(out, statement.writes, " writes");
    add_flag(out, statement.locks_rows, " locks-rows");
    add_flag(out, statement.outside_transaction_only, " outside-transaction-only");
    add_flag(out, statement.from_stdin, " from-stdin");
    add_flag(out, statement.to_stdout, " to-stdout");
    add_flag(out, statement.imports_snapshot, " imports-snapshot");
    add_flag(out, statement.locks_as_reader, " locks-as-reader");
    add_flag(out, statement.sets_if_found, " sets-if-found");
    add_flag(out, statement.primary_only, " primary-only");
    add_flag(out, statement.user_operators, " user-operators");
    if (!statement.name.empty()) out += fmt::format(" name=[{}]", statement.name);
    if (statement.database.by != DatabaseUse::By::Nothing)
        out += fmt::format(" database=[{}{}{}]", statement.database.emptied,
                           statement.database.made.empty() ? "" : "->" + statement.database.made,
                           statement.database.ends_sessions ? " force" : "");
    if (statement.index) out += fmt::format(" index=[{}]", *statement.index);
    if (!statement.argument.empty()) out += fmt::format(" argument=[{}]", statement.argument);
    add_list(out, " relations=", statement.relations,
             [](const RelationRef& ref) { return dotted(ref.schema, ref.name) + suffix(ref.access); });
    add_list(out, " functions=", statement.functions, [](const FunctionRef& ref) {
        return fmt::format("{}/{}", dotted(ref.schema, ref.name), ref.arguments);
    });
    add_list(out, " sequences=", statement.sequences, [](const std::string& name) { return name; });
    add_list(out, " set_sequences=", statement.set_sequences, [](const std::string& name) { return name; });
    add_list(out, " types=", statement.types,
             [](const TypeRef& ref) { return dotted(ref.schema, ref.name); });
    add_list(out, " settings=", statement.settings,
             [](const SettingChange& change) { return "[" + to_sql(change) + "]"; });
    add_transaction(out, statement.transaction);
    if (statement.leaves != Leaves::Nothing) out += " leaves=" + to_string(statement.leaves);
    if (statement.clears != Leaves::Nothing) out += " clears=" + to_string(statement.clears);
    if (statement.inner) out += " inner={" + describe(*statement.inner) + "}";
    return out;
}

// my.var: each part quoted on its own.
std::string setting_name(std::string_view name) {
    std::string out;
    for (;;) {
        const std::size_t dot = name.find('.');
        out += quote_identifier(name.substr(0, dot));
        if (dot == std::string_view::npos) return out;
        out += '.';
        name.remove_prefix(dot + 1);
    }
}

}  // namespace

const char* to_string(Kind kind) {
    return kKindNames.at(static_cast<std::size_t>(kind));
}

std::string to_string(Leaves leaves) {
    std::string out;
    for (const auto& [flag, name] : kLeavesNames) {
        if (!has(leaves, flag)) continue;
        if (!out.empty()) out += ',';
        out += name;
    }
    return out.empty() ? "-" : out;
}

std::string to_sql(const SettingChange& change) {
    if (change.act == SettingChange::Act::ResetAll) return "RESET ALL";
    const char* verb = change.scope == Scope::Local ? "SET LOCAL " : "SET ";
    const bool reset = change.act == SettingChange::Act::Reset;
    return verb + setting_name(change.name) + " TO " + (reset ? "DEFAULT" : change.value_sql);
}

std::string describe(const StatementInfo& info) {
    std::string out;
    if (info.hint == Hint::Primary) out += "hint=primary\n";
    if (info.hint == Hint::Standby) out += "hint=standby\n";
    if (!info.node_hint.empty()) out += "hint=node:" + info.node_hint + "\n";
    for (const Statement& statement : info.statements) out += describe(statement) + "\n";
    if (info.statements.empty()) out += "empty\n";
    if (info.depends_on_literals) out += "depends-on-literals\n";
    return out;
}

}  // namespace pgpool::sql
