// SPDX-License-Identifier: PostgreSQL
#include "proxy/health/function_body.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

#include "common/base/bytes.h"
#include "proxy/sql/builtin.h"
#include "proxy/sql/lexer.h"
#include "proxy/sql/settings.h"

namespace pgpool::health {

namespace {

using sql::Token;
using sql::TokenKind;
using Words = std::string_view;

// Sorted. "hold" stands for DECLARE ... WITH HOLD; advisory locks and set_config are found as functions.
constexpr auto kForbidden =
    std::to_array<Words>({"alter",   "call",    "checkpoint", "cluster",  "copy",    "create",  "deallocate",
                          "discard", "drop",    "execute",    "grant",    "hold",    "import",  "listen",
                          "load",    "pg_temp", "prepare",    "reassign", "refresh", "reindex", "reset",
                          "revoke",  "temp",    "temporary",  "unlisten", "vacuum"});

// Sorted. Without a parenthesis, but functions of the clock.
constexpr auto kClock = std::to_array<Words>(
    {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"});

// Sorted. Words that mean something else for each caller, or each node.
constexpr auto kLocal = std::to_array<Words>({"cmax", "cmin", "ctid", "current_catalog", "current_role",
                                              "current_schema", "current_user", "session_user", "system_user",
                                              "tableoid", "tg_relid", "user", "xmax", "xmin"});

constexpr auto kWrites = std::to_array<Words>({"delete", "insert", "merge", "truncate", "update"});

// Sorted. Keywords that may stand before a parenthesis and call nothing that could matter: the functions with
// their own syntax are all of pg_catalog and leave nothing behind. Most may also be names of functions.
constexpr auto kNotCalls =
    std::to_array<Words>({"all",       "and",          "any",       "array",     "as",
                          "between",   "bigint",       "bit",       "boolean",   "both",
                          "by",        "case",         "cast",      "char",      "character",
                          "coalesce",  "collation",    "conflict",  "cube",      "current_time",
                          "dec",       "decimal",      "default",   "distinct",  "else",
                          "elsif",     "end",          "except",    "exists",    "extract",
                          "filter",    "float",        "for",       "from",      "greatest",
                          "group",     "grouping",     "having",    "if",        "ilike",
                          "in",        "int",          "integer",   "intersect", "interval",
                          "into",      "is",           "join",      "lateral",   "leading",
                          "least",     "like",         "limit",     "localtime", "localtimestamp",
                          "loop",      "materialized", "national",  "nchar",     "next",
                          "normalize", "not",          "null",      "nullif",    "numeric",
                          "offset",    "on",           "only",      "or",        "over",
                          "overlay",   "partition",    "perform",   "position",  "precision",
                          "query",     "range",        "real",      "return",    "returning",
                          "returns",   "rollup",       "row",       "rows",      "select",
                          "set",       "setof",        "sets",      "similar",   "smallint",
                          "some",      "substring",    "symmetric", "table",     "then",
                          "time",      "timestamp",    "treat",     "trim",      "union",
                          "unique",    "until",        "using",     "values",    "varchar",
                          "varying",   "when",         "where",     "while",     "window",
                          "with",      "within",       "zone"});

template <typename Table>
bool holds(const Table& table, std::string_view word) {
    return std::ranges::binary_search(table, word);
}
static_assert(std::ranges::is_sorted(kForbidden));
static_assert(std::ranges::is_sorted(kClock));
static_assert(std::ranges::is_sorted(kLocal));
static_assert(std::ranges::is_sorted(kWrites));
static_assert(std::ranges::is_sorted(kNotCalls));

class BodyReader {
public:
    explicit BodyReader(std::string_view source) : lexer_(source) {}

    FunctionBody run() {
        for (Token token = lexer_.next(); token.kind != TokenKind::End; token = lexer_.next()) {
            take(token);
            if (body_.unreadable) break;
        }
        tidy();
        return std::move(body_);
    }

private:
    void take(const Token& token);
    void take_name(const Token& token);
    void take_word(std::string_view word);
    void take_parenthesis();
    [[nodiscard]] bool starts_statement() const;
    void tidy();

    sql::Lexer lexer_;
    FunctionBody body_;
    bool is_name_ = false;  // the last token is an identifier or keyword
    bool is_quoted_ = false;
    std::string last_;       // it, folded; for other tokens its text
    std::string qualifier_;  // what stood before the last dot, if the last token but one was a dot
    std::string before_;     // the token before the (qualified) name
};

void BodyReader::take(const Token& token) {
    switch (token.kind) {
        case TokenKind::Word:
        case TokenKind::QuotedWord:
            take_name(token);
            return;
        case TokenKind::Unfinished:
            body_.forbidden = body_.unreadable = true;
            return;
        case TokenKind::MovingString:
            body_.reads_clock = true;
            break;
        default:
            break;
    }
    if (token.text == "(" && is_name_) take_parenthesis();
    if (token.text == "." && is_name_) {
        qualifier_ = std::exchange(last_, ".");
    } else {
        before_ = token.text;
        last_ = token.text;
        qualifier_.clear();
    }
    is_name_ = false;
}

void BodyReader::take_name(const Token& token) {
    const bool is_qualified = last_ == "." && !is_name_;
    if (!is_qualified) {
        before_ = std::move(last_);
        qualifier_.clear();
    }
    is_quoted_ = token.kind == TokenKind::QuotedWord;
    // U&"..." may spell any name.
    if (is_quoted_ && !token.text.starts_with('"')) body_.forbidden = body_.unreadable = true;
    std::string name = is_quoted_ ? sql::unquoted(token.text) : to_lower_ascii(token.text);
    if (name == "pg_temp") body_.forbidden = true;
    if (holds(kLocal, name) && !(is_quoted_ && name == "user")) body_.is_local = true;
    body_.names_dates |= sql::date_type(name) != sql::DateType::No;
    body_.names_objects |= sql::is_object_type(name);
    if (!is_quoted_ && !is_qualified) take_word(name);
    body_.names.push_back(name);
    last_ = std::move(name);
    is_name_ = true;
}

bool BodyReader::starts_statement() const {
    constexpr auto kStarts =
        std::to_array<Words>({"", ";", ">>", "as", "atomic", "begin", "else", "loop", "then"});
    return holds(kStarts, before_);
}

void BodyReader::take_word(std::string_view word) {
    if (holds(kForbidden, word)) body_.forbidden = true;
    if (word == "execute") body_.unreadable = true;
    if (holds(kClock, word)) body_.reads_clock = true;
    if (holds(kWrites, word)) body_.writes = true;
    if (word == "set" && starts_statement()) body_.forbidden = true;
    if (word == "do" && starts_statement()) body_.forbidden = true;
    if (word == "table" || (word == "from" && before_ != "distinct")) body_.selects = true;
    if ((word == "comment" || word == "security") && starts_statement()) body_.comments = true;
}

void BodyReader::take_parenthesis() {
    // INSERT INTO t (columns); nothing can be called there.
    if (before_ == "into") return;
    const bool may_be_syntax =
        !is_quoted_ && qualifier_.empty() && (holds(kNotCalls, last_) || sql::is_builtin_type(last_));
    body_.calls.push_back({qualifier_, last_, may_be_syntax});
}

void BodyReader::tidy() {
    std::ranges::sort(body_.names);
    body_.names.erase(std::unique(body_.names.begin(), body_.names.end()), body_.names.end());
}

// The number after every `key` in the tree.
void collect(std::string_view tree, std::string_view key, std::vector<std::uint32_t>& to) {
    for (std::size_t at = tree.find(key); at != std::string_view::npos; at = tree.find(key, at)) {
        at += key.size();
        std::uint32_t oid = 0;
        std::from_chars(tree.data() + at, tree.data() + tree.size(), oid);
        if (oid != 0) to.push_back(oid);
    }
}

// Types whose input knows 'now' or looks into the catalogs, with their arrays and ranges. Sorted.
constexpr auto kMovingTypes = std::to_array<std::uint32_t>(
    {24,   26,   1008, 1028, 1082, 1083, 1114, 1115, 1182, 1183, 1184, 1185, 1266, 1270, 2202, 2203,
     2204, 2205, 2206, 2207, 2208, 2209, 2210, 2211, 3734, 3735, 3769, 3770, 3908, 3909, 3910, 3911,
     3912, 3913, 4089, 4090, 4096, 4097, 4191, 4192, 4533, 4534, 4535, 6152, 6153, 6155});
static_assert(std::ranges::is_sorted(kMovingTypes));

bool reads_text_as_moving(std::string_view tree) {
    if (tree.find("{COERCEVIAIO") == std::string_view::npos) return false;
    std::vector<std::uint32_t> results;
    collect(tree, ":resulttype ", results);
    return std::ranges::any_of(
        results, [](std::uint32_t type) { return std::ranges::binary_search(kMovingTypes, type); });
}

void sort_unique(std::vector<std::uint32_t>& oids) {
    std::ranges::sort(oids);
    oids.erase(std::unique(oids.begin(), oids.end()), oids.end());
}

}  // namespace

FunctionBody read_body(std::string_view source) {
    return BodyReader(source).run();
}

StoredTree read_tree(std::string_view tree) {
    StoredTree found;
    for (const std::string_view key :
         {":funcid ", ":opfuncid ", ":aggfnoid ", ":winfnoid ", ":hashfuncid "}) {
        collect(tree, key, found.functions);
    }
    collect(tree, ":relid ", found.relations);
    found.reads_text = reads_text_as_moving(tree);
    // CmdType of nodes/nodes.h: 1 is SELECT; 2 to 4, and MERGE since 15 as 5, write.
    constexpr std::string_view kCommand = ":commandType ";
    for (std::size_t at = tree.find(kCommand); at != std::string_view::npos;
         at = tree.find(kCommand, at + 1)) {
        const std::size_t type = at + kCommand.size();
        if (type < tree.size() && tree[type] != '1') found.writes = true;
    }
    sort_unique(found.functions);
    sort_unique(found.relations);
    return found;
}

}  // namespace pgpool::health
