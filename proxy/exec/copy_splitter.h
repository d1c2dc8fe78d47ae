// SPDX-License-Identifier: PostgreSQL
#pragma once

// CopySplitter: where the rows of a COPY FROM STDIN end, by the rules of PostgreSQL's CopyReadLineText() and
// NextCopyFrom(). Data that the server refuses may be cut anywhere. REQUIRES: characters that do not hide
// ASCII bytes, see replication::hides_ascii(). Pure.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/base/bytes.h"
#include "proxy/sql/statement.h"

namespace pgpool::exec {

class CopySplitter {
public:
    enum class Found : std::uint8_t { OneRow, Head, More, End };  // Head: what comes before the first row
    struct Piece {
        Found found = Found::More;
        std::size_t size = 0;  // OneRow, Head: from the front of `data`
    };

    // `is_marked`: a line \. ends CSV too, as it does before PostgreSQL 18.
    CopySplitter(const sql::CopyRows& rows, bool is_marked);

    // What is at the front of `data`, which goes on from call to call: once a piece was found the next one is
    // looked for behind it. `is_all`: nothing follows. End: what is left makes no row.
    [[nodiscard]] Piece next(ByteView data, bool is_all);

private:
    enum class LineEnd : std::uint8_t { Unknown, Lf, Cr, CrLf };
    enum class Step : std::uint8_t { On, Ends, Wait, End };

    [[nodiscard]] Piece next_line(ByteView data, bool is_all);
    [[nodiscard]] Piece last_line();
    [[nodiscard]] Step step(ByteView data, bool is_all);
    [[nodiscard]] Step after_return(ByteView data);
    [[nodiscard]] Step mark_of_csv(ByteView data, bool is_all);
    void note_quotes(char c);
    [[nodiscard]] Piece next_tuple(ByteView data);
    [[nodiscard]] Piece found(Found what, std::size_t size);

    sql::CopyRows::Format format_;
    char quote_;
    char escape_;  // 0: the quote
    bool is_marked_;
    bool has_head_;           // that has not come yet
    std::size_t at_ = 0;      // how far the piece was looked at
    bool is_over_ = false;    // End was found
    bool ends_here_ = false;  // ... by a mark behind a row
    LineEnd line_end_ = LineEnd::Unknown;
    bool in_quotes_ = false;
    bool is_escaped_ = false;
    std::optional<std::size_t> fields_;  // Binary: of the tuple that is being looked at, still to come
};

}  // namespace pgpool::exec
