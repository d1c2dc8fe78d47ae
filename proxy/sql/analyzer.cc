// SPDX-License-Identifier: PostgreSQL
#include "proxy/sql/analyzer.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "common/base/bytes.h"
#include "proxy/sql/hint.h"
#include "proxy/sql/lexer.h"
#include "proxy/sql/own_statements.h"
#include "proxy/sql/raw_tree.h"
#include "proxy/sql/statement_reader.h"

namespace pgpool::sql {

static_assert(kParserVersion == PG_VERSION_NUM / 10000);

namespace {

void add_unknown(StatementInfo& info) {
    Statement unknown;
    unknown.writes = true;
    unknown.leaves = Leaves::UnknownCode;
    info.parsed = false;
    info.depends_on_literals = true;
    info.statements.clear();
    info.statements.push_back(std::move(unknown));
}

void read_hint(StatementInfo& info, std::string_view sql) {
    const ParsedHint hint = parse_hint(leading_hint(sql));
    info.hint = hint.hint;
    info.node_hint = hint.node;
}

void parse(StatementInfo& info, const std::string& sql) {
    const ParseMemory memory;
    const ParsedText parsed(sql.c_str());
    Findings findings{sql};
    info.is_syntax_error = !parsed.ok();
    if (info.is_syntax_error) return add_unknown(info);
    for (const ListCell& cell : Elements(parsed.tree())) {
        const auto* raw = as<RawStmt>(cell.ptr_value);
        Statement& statement = info.statements.emplace_back();
        statement.location = raw->stmt_location;
        statement.length = raw->stmt_len;
        read_statement(raw->stmt, statement, findings);
    }
    if (findings.unknown) return add_unknown(info);
    info.parsed = true;
    info.depends_on_literals = findings.depends_on_literals;
}

}  // namespace

bool Analyzer::readable(std::string_view sql, const AnalyzeOptions& options) const {
    if (sql.size() > max_text_ || sql.find('\0') != std::string_view::npos) return false;
    if (!options.standard_conforming_strings && sql.find('\\') != std::string_view::npos) return false;
    return options.ascii_safe_encoding || !has_high_byte(sql);
}

StatementInfoPtr Analyzer::analyze(std::string_view sql, const AnalyzeOptions& options) {
    auto info = std::make_shared<StatementInfo>();
    if (!readable(sql, options)) {
        add_unknown(*info);
        return info;
    }
    read_hint(*info, sql);
    if (std::optional<Statement> own = own_statement(sql, options.admin_database)) {
        info->parsed = true;
        info->depends_on_literals = true;
        info->statements.push_back(std::move(*own));
        return info;
    }
    text_.assign(sql);
    parse(*info, text_);
    return info;
}

bool is_ascii_safe_encoding(std::string_view encoding) {
    constexpr auto kUnsafe = std::to_array<std::string_view>(
        {"sjis", "shiftjis", "mskanji", "win932", "windows932", "shiftjis2004", "big5", "win950",
         "windows950", "gbk", "win936", "windows936", "uhc", "win949", "windows949", "gb18030", "johab"});
    std::string plain;
    for (const char c : encoding) {
        if (c != '-' && c != '_' && c != ' ') plain += c;
    }
    plain = to_lower_ascii(plain);
    return std::find(kUnsafe.begin(), kUnsafe.end(), plain) == kUnsafe.end();
}

}  // namespace pgpool::sql
