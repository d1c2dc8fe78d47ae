// SPDX-License-Identifier: PostgreSQL
#pragma once

// The lexical rules of PostgreSQL (documentation chapter 4.1), as far as finding the bounds of tokens goes,
// and a 128-bit fingerprint of a text in which literals do not count.
//
// Invariants: (1) nothing is allocated and nothing is copied: tokens are views of the text; (2) two texts
// whose tokens differ only in the values of literals, in letter case of words, in white space and in comments
// have the same fingerprint; (3) texts that PostgreSQL reads as different shapes have different fingerprints,
// up to chance. For (3) numbers, strings, bit strings and strings that PostgreSQL may read as a moving date
// ('now', 'today', ...) are four different tokens, and a leading comment counts if it is a hint. Assumes
// standard_conforming_strings = on and an encoding that never hides ASCII bytes in a character.

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace pgpool::sql {

enum class TokenKind : std::uint8_t {
    End,
    Word,        // identifier or keyword, not quoted
    QuotedWord,  // "x", U&"x"
    Number,
    String,        // 'x', E'x', N'x', U&'x', $$x$$
    MovingString,  // a String that may be a date such as 'now', or that escapes make unclear
    BitString,     // B'1', X'1'
    Parameter,     // $1
    Operator,
    Punctuation,  // ( ) [ ] , ; . : :: := .. and what PostgreSQL does not know
    Unfinished,   // a string, quoted identifier or comment that never ends; the rest of the text
};

struct Token {
    TokenKind kind = TokenKind::End;
    std::string_view text;  // with its quotes
};

class Lexer {
public:
    explicit Lexer(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

    Token next();

    // Where the next token search begins.
    [[nodiscard]] const char* position() const { return at_; }

private:
    const char* at_;
    const char* end_;
};

struct Fingerprint {
    std::uint64_t hi = 0;
    std::uint64_t lo = 0;
    friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};

// `seed` keeps peers from preparing collisions: draw it at start.
[[nodiscard]] Fingerprint fingerprint(std::string_view text, std::uint64_t seed);

// The same for the bytes of a text, literals and all.
[[nodiscard]] Fingerprint text_fingerprint(std::string_view text, std::uint64_t seed);

// Whether the text holds a word that makes PostgreSQL's date input give something else tomorrow: now, today,
// tomorrow, yesterday.
[[nodiscard]] bool may_move(std::string_view text);

// The kind of the string literal that begins at `at`, which is MovingString as in a fingerprint; End if none
// does.
[[nodiscard]] TokenKind string_at(std::string_view text, std::size_t at);

// What lies between semicolons, from its first to its last token; nothing of pieces without any. These are
// the statements of the text unless one of them holds semicolons itself: CREATE RULE, CREATE FUNCTION ...
// BEGIN ATOMIC.
[[nodiscard]] std::vector<std::string_view> between_semicolons(std::string_view text);

// The first of the comments before the first token that is a hint (see hint.h), with its marks; empty: none.
[[nodiscard]] std::string_view leading_hint(std::string_view text);

}  // namespace pgpool::sql

template <>
struct std::hash<pgpool::sql::Fingerprint> {
    std::size_t operator()(const pgpool::sql::Fingerprint& fingerprint) const noexcept {
        return fingerprint.lo;
    }
};
