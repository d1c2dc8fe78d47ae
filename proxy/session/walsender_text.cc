// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/walsender_text.h"

#include <algorithm>
#include <array>

#include "proxy/replication/write_class.h"
#include "proxy/sql/analyzer.h"

namespace pgpool::session {

namespace {

// Those of all versions: a node that does not know one takes it for SQL, of which none begins so.
constexpr auto kCommands =
    std::to_array<std::string_view>({"ALTER_REPLICATION_SLOT", "BASE_BACKUP", "CREATE_REPLICATION_SLOT",
                                     "DROP_REPLICATION_SLOT", "IDENTIFY_SYSTEM", "READ_REPLICATION_SLOT",
                                     "SHOW", "START_REPLICATION", "TIMELINE_HISTORY", "UPLOAD_MANIFEST"});
constexpr std::string_view kWhiteSpace = " \t\n\r\f\v";
constexpr std::string_view kWordEnds = " \t\n\r\f\v;'\"(),";

// How texts are read from then on would not be known here.
bool changes_reading(const sql::Statement& statement) {
    constexpr auto kNames =
        std::to_array<std::string_view>({"client_encoding", "standard_conforming_strings"});
    return sql::has(statement.leaves, sql::Leaves::UnknownSetting) ||
           std::any_of(statement.settings.begin(), statement.settings.end(), [&](const auto& change) {
               return std::find(kNames.begin(), kNames.end(), change.name) != kNames.end();
           });
}

}  // namespace

bool is_replication_command(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(kWhiteSpace), text.size()));
    const std::string_view word = text.substr(0, text.find_first_of(kWordEnds));
    return std::find(kCommands.begin(), kCommands.end(), word) != kCommands.end();
}

// A backslash in a string means what a setting says that is not known here.
std::string why_not_passed_on(std::string_view text, const sql::CatalogFacts& facts,
                              std::string_view encoding) {
    const sql::AnalyzeOptions options{
        .standard_conforming_strings = false,
        .ascii_safe_encoding = encoding.empty() || sql::is_ascii_safe_encoding(encoding)};
    const sql::StatementInfoPtr info = sql::Analyzer(kMaxWalsenderText).analyze(text, options);
    for (const sql::Statement& statement : info->statements) {
        if (changes_reading(statement)) return "a setting that decides how texts are read";
        const replication::Classified classified = replication::classify_statement(statement, &facts);
        if (classified.kind != replication::WriteClass::None) return replication::describe(classified);
    }
    return {};
}

std::string_view text_of_query(const wire::Frame& query) {
    return query.body.substr(0, std::min(query.body.find('\0'), query.body.size()));
}

}  // namespace pgpool::session
