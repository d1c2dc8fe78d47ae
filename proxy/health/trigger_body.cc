// SPDX-License-Identifier: PostgreSQL
#include "proxy/health/trigger_body.h"

#include <algorithm>
#include <array>

#include "common/base/bytes.h"
#include "proxy/sql/lexer.h"
#include "proxy/sql/settings.h"

namespace pgpool::health {

namespace {

using sql::Token;
using sql::TokenKind;
using Words = std::string_view;

// A name as PostgreSQL reads it, another token as it is; empty: the text has ended.
struct Piece {
    std::string text;
    bool is_name = false;
    bool is_quoted = false;
};

class ChangeReader {
public:
    explicit ChangeReader(std::string_view source) {
        sql::Lexer lexer(source);
        for (Token token = lexer.next(); token.kind != TokenKind::End; token = lexer.next()) add(token);
    }

    RowChanges run() {
        for (std::size_t i = 0; i < pieces_.size() && !changes_.any; ++i) {
            if (is_word(i, "return")) returned(i + 1);
            if (is_row(i)) row(i);
        }
        if (changes_.any) changes_.columns.clear();
        return std::move(changes_);
    }

private:
    void add(const Token& token) {
        const bool is_quoted = token.kind == TokenKind::QuotedWord;
        // U&"..." may spell any name.
        changes_.any |= token.kind == TokenKind::Unfinished || (is_quoted && !token.text.starts_with('"'));
        if (is_quoted)
            pieces_.push_back({sql::unquoted(token.text), true, true});
        else if (token.kind == TokenKind::Word)
            pieces_.push_back({to_lower_ascii(token.text), true, false});
        else
            pieces_.push_back({std::string(token.text), false, false});
    }

    [[nodiscard]] const Piece& at(std::size_t place) const {
        static const Piece none;
        return place < pieces_.size() ? pieces_[place] : none;
    }
    [[nodiscard]] bool is_word(std::size_t place, std::string_view word) const {
        return at(place).is_name && !at(place).is_quoted && at(place).text == word;
    }
    [[nodiscard]] bool is_row(std::size_t place) const {
        return at(place).is_name && (at(place).text == "new" || at(place).text == "old");
    }

    void returned(std::size_t place) {
        const bool is_known = is_row(place) || is_word(place, "null");
        changes_.any |= !is_known || at(place + 1).text != ";";
    }

    // Between two places stands the row, or a column of it.
    [[nodiscard]] bool is_target(std::size_t before, std::size_t after, bool is_whole) const {
        constexpr auto kStarts = std::to_array<Words>({";", ">>", "begin", "else", "loop", "then"});
        constexpr auto kLists = std::to_array<Words>({"diagnostics", "for", "foreach", "into", "strict"});
        const std::string& left = at(before).text;
        const std::string& right = at(after).text;
        const auto holds = [](const auto& all, const std::string& word) {
            return std::find(all.begin(), all.end(), word) != all.end();
        };
        if (right == ":=" || right == "[" || (right == "." && !is_whole) || holds(kLists, left)) return true;
        // A row is never one of several targets.
        if (left == "," && !is_whole) return true;
        return right.starts_with("=") && holds(kStarts, left);
    }

    void row(std::size_t place) {
        if (place > 0 && at(place - 1).text == ".") {
            changes_.any = true;
            return;
        }
        const bool is_whole = at(place + 1).text != "." || !at(place + 2).is_name;
        const std::size_t after = is_whole ? place + 1 : place + 3;
        if (place > 0 && !is_target(place - 1, after, is_whole)) return;
        if (is_whole) {
            changes_.any = true;
            return;
        }
        const std::string& column = at(place + 2).text;
        auto& columns = changes_.columns;
        if (std::find(columns.begin(), columns.end(), column) == columns.end()) columns.push_back(column);
    }

    std::vector<Piece> pieces_;
    RowChanges changes_;
};

}  // namespace

RowChanges read_row_changes(std::string_view source) {
    return ChangeReader(source).run();
}

}  // namespace pgpool::health
