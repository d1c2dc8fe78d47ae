// SPDX-License-Identifier: PostgreSQL
#pragma once

// Text -> StatementInfo, by PostgreSQL 15's own grammar (libpg_query, raw parse tree, walked in place).
//
// Invariants: (1) total: every text gives an info; what the grammar does not know, what is longer than the
// limit and what this unit cannot read safely is Kind::Unknown; (2) no recursion, neither here nor in the
// grammar (its parser keeps a bounded stack on the heap): depth of nesting costs memory only; (3) whether an
// info `depends_on_literals` depends on the shape of the text alone, save for Kind::Unknown.
//
// Readable text: the bytes must mean the same to us as to the server. So the text is Unknown if it holds a
// zero byte; if `standard_conforming_strings` is off and it holds a backslash (the only byte whose meaning
// that setting changes); or if the client encoding may hide ASCII bytes inside characters (SJIS, BIG5, GBK,
// UHC, GB18030, JOHAB, SHIFT_JIS_2004) and it holds a byte above 127.
//
// Threads: one worker only; libpg_query keeps its memory per thread, so analyze on few, long-lived threads.
// The stack of the thread needs about 100 KiB.

#include <cstddef>
#include <string>
#include <string_view>

#include "proxy/sql/statement.h"

namespace pgpool::sql {

// PostgreSQL's major version whose grammar texts are read by.
inline constexpr int kParserVersion = 15;

struct AnalyzeOptions {
    bool standard_conforming_strings = true;
    bool ascii_safe_encoding = true;
    bool admin_database = false;  // every SHOW is ours
};

class Analyzer {
public:
    static constexpr std::size_t kDefaultMaxText = std::size_t{64} << 10U;

    explicit Analyzer(std::size_t max_text = kDefaultMaxText) : max_text_(max_text) {}

    [[nodiscard]] StatementInfoPtr analyze(std::string_view sql, const AnalyzeOptions& options = {});

    // Whether `sql` is worth a look: short enough and readable, see above.
    [[nodiscard]] bool readable(std::string_view sql, const AnalyzeOptions& options) const;

private:
    std::size_t max_text_;
    std::string text_;  // zero-terminated copy for the parser; kept for its capacity
};

// The client encodings of PostgreSQL whose characters never hold ASCII bytes; any case, `-` and `_` ignored.
[[nodiscard]] bool is_ascii_safe_encoding(std::string_view encoding);

}  // namespace pgpool::sql
