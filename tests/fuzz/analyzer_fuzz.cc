// SPDX-License-Identifier: PostgreSQL

// Any bytes are analysed without a crash, the promises of StatementInfo hold, and what is described is the
// same through the cache.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/error.h"
#include "proxy/sql/analysis_cache.h"

using namespace pgpool::sql;

namespace {

// The text with every number and plain string replaced by another.
std::string with_other_literals(std::string_view text) {
    std::string out;
    Lexer lexer(text);
    const char* at = text.data();
    for (Token token = lexer.next(); token.kind != TokenKind::End; token = lexer.next()) {
        out.append(at, token.text.data());
        if (token.kind == TokenKind::Number) {
            out += "7";
        } else if (token.kind == TokenKind::String) {
            out += "'x'";
        } else {
            out += token.text;
        }
        at = token.text.data() + token.text.size();
    }
    return out.append(at, text.data() + text.size());
}

void check_literals_do_not_matter(std::string_view sql, const StatementInfo& info) {
    const std::string other = with_other_literals(sql);
    if (!info.parsed || info.depends_on_literals || !(fingerprint(sql, 1) == fingerprint(other, 1))) return;
    const StatementInfoPtr changed = Analyzer().analyze(other);
    if (changed->parsed) PGPOOL_ASSERT(describe(*changed) == describe(info));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view sql(reinterpret_cast<const char*>(data) + 1, size - 1);
    AnalyzeOptions options;
    options.standard_conforming_strings = (data[0] & 1U) == 0;
    options.ascii_safe_encoding = (data[0] & 2U) == 0;
    options.admin_database = (data[0] & 4U) != 0;
    Analyzer analyzer;
    const StatementInfoPtr info = analyzer.analyze(sql, options);
    if (!info->parsed) PGPOOL_ASSERT(info->single(Kind::Unknown) && info->statements[0].writes);
    for (const Statement& statement : info->statements) {
        PGPOOL_ASSERT(statement.location >= 0 && statement.length >= 0);
        PGPOOL_ASSERT(static_cast<std::size_t>(statement.location) +
                          static_cast<std::size_t>(statement.length) <=
                      sql.size());
    }
    check_literals_do_not_matter(sql, *info);
    AnalysisCache<int> cache({4, 1U << 20U}, size);
    PGPOOL_ASSERT(describe(*cache.analyze(sql, options).info) == describe(*info));
    PGPOOL_ASSERT(describe(*cache.analyze(sql, options).info) == describe(*info));
    return 0;
}
