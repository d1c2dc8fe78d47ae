// SPDX-License-Identifier: PostgreSQL
#include "proxy/sql/lexer.h"

#include <array>
#include <bit>
#include <cstring>

#include "proxy/sql/hint.h"

namespace pgpool::sql {
namespace {

enum CharClass : std::uint8_t {
    SpaceChar = 1U << 0U,
    WordStartChar = 1U << 1U,
    DigitChar = 1U << 2U,
    OperatorChar = 1U << 3U,
    DollarChar = 1U << 4U,
};

constexpr std::array<std::uint8_t, 256> make_classes() {
    std::array<std::uint8_t, 256> classes{};
    for (const char c : {' ', '\t', '\n', '\r', '\f', '\v'})
        classes[static_cast<unsigned char>(c)] = SpaceChar;
    for (unsigned c = '0'; c <= '9'; ++c) classes[c] = DigitChar;
    for (unsigned c = 'a'; c <= 'z'; ++c) classes[c] = classes[c - 'a' + 'A'] = WordStartChar;
    for (unsigned c = 128; c < 256; ++c) classes[c] = WordStartChar;
    classes['_'] = WordStartChar;
    classes['$'] = DollarChar;
    for (const char c : std::string_view("~!@#^&|`?+-*/%<>="))
        classes[static_cast<unsigned char>(c)] = OperatorChar;
    return classes;
}
constexpr std::array<std::uint8_t, 256> kClasses = make_classes();

bool is(char c, unsigned classes) {
    return (kClasses[static_cast<unsigned char>(c)] & classes) != 0;
}
bool is_word_part(char c) {
    return is(c, WordStartChar | DigitChar | DollarChar);
}
char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

std::string_view view(const char* from, const char* to) {
    return {from, static_cast<std::size_t>(to - from)};
}

bool equals_folded(const char* at, std::string_view word) {
    for (std::size_t i = 0; i < word.size(); ++i) {
        if (lower(at[i]) != word[i]) return false;
    }
    return true;
}

// Date input longer than this is an error in PostgreSQL (MAXDATELEN).
constexpr std::size_t kLongestDate = 128;

bool has_moving_word(std::string_view body) {
    if (body.size() < 3) return false;
    for (const char *at = body.data(), *end = at + body.size(); at + 3 <= end; ++at) {
        const auto rest = static_cast<std::size_t>(end - at);
        switch (lower(*at)) {
            case 'n':
                if (equals_folded(at, "now")) return true;
                break;
            case 't':
                if (rest >= 5 && equals_folded(at, "today")) return true;
                if (rest >= 8 && equals_folded(at, "tomorrow")) return true;
                break;
            case 'y':
                if (rest >= 9 && equals_folded(at, "yesterday")) return true;
                break;
            default:
                break;
        }
    }
    return false;
}

// Whether PostgreSQL may read the string as a date that moves.
bool is_moving_date(std::string_view body) {
    return body.size() <= kLongestDate && has_moving_word(body);
}

// After a block comment that begins at `at`; null if it does not end. They nest (PG documentation 4.1.5).
const char* end_of_block_comment(const char* at, const char* end) {
    at += 2;
    for (std::size_t depth = 1; depth > 0;) {
        if (end - at < 2) return nullptr;
        const bool open = at[0] == '/' && at[1] == '*';
        const bool close = at[0] == '*' && at[1] == '/';
        if (open) ++depth;
        if (close) --depth;
        at += open || close ? 2 : 1;
    }
    return at;
}

// The scanning functions take the rest of the text as [at, end) and move `at` past what they took; `at` stays
// in a register where they are inlined into fingerprint().
using Position = const char*;

// A token from `start` up to `token_end`.
Token take(Position& at, TokenKind kind, Position start, Position token_end) {
    at = token_end;
    return {kind, view(start, token_end)};
}

// Past white space and comments; false if a comment does not end.
inline bool skip_blanks(Position& at, Position end) {
    while (at != end) {
        if (is(*at, SpaceChar)) {
            ++at;
        } else if (*at == '-' && end - at >= 2 && at[1] == '-') {
            while (at != end && *at != '\n' && *at != '\r') ++at;
        } else if (*at == '/' && end - at >= 2 && at[1] == '*') {
            const Position after = end_of_block_comment(at, end);
            if (after == nullptr) return false;
            at = after;
        } else {
            break;
        }
    }
    return true;
}

// `at` is at the opening quote, `start` at the prefix before it. A doubled quote is a quote.
Token quoted(Position& at, Position end, Position start, char quote, TokenKind kind) {
    const Position body = at + 1;
    Position close = body;
    for (;;) {
        const void* found = std::memchr(close, quote, static_cast<std::size_t>(end - close));
        if (found == nullptr) return take(at, TokenKind::Unfinished, start, end);
        close = static_cast<Position>(found) + 1;
        if (close == end || *close != quote) break;
        ++close;
    }
    if (kind == TokenKind::String && is_moving_date(view(body, close - 1))) kind = TokenKind::MovingString;
    return take(at, kind, start, close);
}

// E'...': `at` is at the quote.
Token escape_string(Position& at, Position end, Position start) {
    const Position body = at + 1;
    bool escapes = false;
    for (Position c = body; c != end; ++c) {
        if (*c == '\\') {
            escapes = true;
            if (++c == end) break;
        } else if (*c == '\'') {
            if (c + 1 != end && c[1] == '\'') {
                ++c;
                continue;
            }
            const bool moving = escapes || is_moving_date(view(body, c));
            return take(at, moving ? TokenKind::MovingString : TokenKind::String, start, c + 1);
        }
    }
    return take(at, TokenKind::Unfinished, start, end);
}

// What begins with one letter and a quote: E'', B'', X'', N'', U&'', U&"", or just that letter.
Token prefixed(Position& at, Position end, Position start) {
    const Position quote = start + 1;
    const char letter = lower(*start);
    at = quote;
    if (*quote == '\'') {
        if (letter == 'e') return escape_string(at, end, start);
        if (letter == 'b' || letter == 'x') return quoted(at, end, start, '\'', TokenKind::BitString);
        if (letter == 'n') return quoted(at, end, start, '\'', TokenKind::String);
    }
    if (letter == 'u' && *quote == '&' && end - quote >= 2 && (quote[1] == '\'' || quote[1] == '"')) {
        ++at;
        return *at == '"' ? quoted(at, end, start, '"', TokenKind::QuotedWord)
                          : quoted(at, end, start, '\'', TokenKind::MovingString);
    }
    return take(at, TokenKind::Word, start, quote);
}

[[gnu::always_inline]] inline Token word(Position& at, Position end) {
    const Position start = at;
    Position after = start + 1;
    while (after != end && is_word_part(*after)) ++after;
    if (after == start + 1 && after != end && (*after == '\'' || *after == '&'))
        return prefixed(at, end, start);
    return take(at, TokenKind::Word, start, after);
}

// Generous: what PostgreSQL 16 takes for a number (0x1F, 1_000) and "trailing junk" are part of it.
inline Token number(Position& at, Position end) {
    const Position start = at;
    Position after = start;
    while (after != end) {
        const bool exponent = lower(*after) == 'e' && end - after >= 3 &&
                              (after[1] == '+' || after[1] == '-') && is(after[2], DigitChar);
        const bool range = *after == '.' && end - after >= 2 && after[1] == '.';
        if (range || (!exponent && *after != '.' && !is_word_part(*after))) break;
        after += exponent ? 2 : 1;
    }
    return take(at, TokenKind::Number, start, after);
}

// $1, or $tag$...$tag$, or a lone $.
Token dollar(Position& at, Position end) {
    const Position start = at;
    Position tag = start + 1;
    if (tag != end && is(*tag, DigitChar)) {
        while (tag != end && is_word_part(*tag)) ++tag;
        return take(at, TokenKind::Parameter, start, tag);
    }
    while (tag != end && is(*tag, WordStartChar | DigitChar)) ++tag;
    if (tag == end || *tag != '$') return take(at, TokenKind::Punctuation, start, start + 1);
    const std::string_view mark = view(start, tag + 1);
    const std::string_view rest = view(tag + 1, end);
    const std::size_t close = rest.find(mark);
    if (close == std::string_view::npos) return take(at, TokenKind::Unfinished, start, end);
    const bool moving = is_moving_date(rest.substr(0, close));
    return take(at, moving ? TokenKind::MovingString : TokenKind::String, start,
                rest.data() + close + mark.size());
}

// PG documentation 4.1.3: the longest run of operator characters, up to a comment; it ends in + or - only if
// one of ~ ! @ # % ^ & | ` ? is in it.
Token operator_run(Position& at, Position end) {
    const Position start = at;
    Position after = start;
    bool keeps_sign = false;
    while (after != end && is(*after, OperatorChar)) {
        const bool two = end - after >= 2;
        if (two && ((after[0] == '-' && after[1] == '-') || (after[0] == '/' && after[1] == '*'))) break;
        keeps_sign = keeps_sign || std::string_view("~!@#%^&|`?").find(*after) != std::string_view::npos;
        ++after;
    }
    while (!keeps_sign && after - start > 1 && (after[-1] == '+' || after[-1] == '-')) --after;
    return take(at, TokenKind::Operator, start, after);
}

inline Token punctuation(Position& at, Position end) {
    const Position start = at;
    const char second = end - start >= 2 ? start[1] : ' ';
    const bool pair = (*start == ':' && (second == ':' || second == '=')) || (*start == '.' && second == '.');
    return take(at, TokenKind::Punctuation, start, start + (pair ? 2 : 1));
}

[[gnu::always_inline]] inline Token next_token(Position& at, Position end) {
    const Position before = at;
    if (!skip_blanks(at, end)) return take(at, TokenKind::Unfinished, before, end);
    if (at == end) return {TokenKind::End, view(at, at)};
    const char c = *at;
    if (is(c, WordStartChar)) return word(at, end);
    if (is(c, OperatorChar)) return operator_run(at, end);
    if (is(c, DigitChar)) return number(at, end);
    if (c == '\'') return quoted(at, end, at, '\'', TokenKind::String);
    if (c == '"') return quoted(at, end, at, '"', TokenKind::QuotedWord);
    if (c == '$') return dollar(at, end);
    if (c == '.' && end - at >= 2 && is(at[1], DigitChar)) return number(at, end);
    return punctuation(at, end);
}

// Two lanes of multiply-and-fold over 8-byte words. Not cryptographic: the seed is the guard. The tag of a
// token (its kind and size) goes into the other factor, so no choice of bytes makes up for another tag.
class Hasher {
public:
    explicit Hasher(std::uint64_t seed)
        : a_(seed ^ 0x9e3779b97f4a7c15U), b_(std::rotl(seed, 32) ^ 0xc2b2ae3d27d4eb4fU) {}

    void add(std::uint64_t word, std::uint64_t tag) {
        const std::uint64_t a = fold(a_ ^ word, b_ ^ tag);
        b_ = fold(b_ + word, std::rotl(a_, 29) + tag) ^ word;
        a_ = a + tag;
    }

    template <bool kFold>
    void add_bytes(std::string_view bytes, std::uint64_t tag) {
        const char* at = bytes.data();
        std::size_t left = bytes.size();
        for (; left > 8; left -= 8, at += 8) add(folded<kFold>(load<std::uint64_t>(at)), tag);
        add(folded<kFold>(load_up_to_8(at, left)), tag);
    }

    [[nodiscard]] Fingerprint finish() const {
        return {fold(a_ ^ std::rotl(b_, 17), 0x8ebc6af09c88c6e3U),
                fold(b_ ^ std::rotl(a_, 41), 0x589965cc75374cc3U)};
    }

private:
    static std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
        __extension__ using Wide = unsigned __int128;
        const Wide product = static_cast<Wide>(a) * b;
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
    }

    // ASCII capitals of eight bytes to lower case at once.
    static std::uint64_t lower_word(std::uint64_t word) {
        constexpr std::uint64_t kOnes = 0x0101010101010101U;
        const std::uint64_t low = word & (kOnes * 0x7f);
        const std::uint64_t from_a = low + kOnes * (0x80 - 'A');
        const std::uint64_t past_z = low + kOnes * (0x7f - 'Z');
        const std::uint64_t capital = ~word & (kOnes * 0x80) & (from_a ^ past_z);
        return word | (capital >> 2U);
    }

    template <bool kFold>
    static std::uint64_t folded(std::uint64_t word) {
        return kFold ? lower_word(word) : word;
    }

    template <typename Word>
    static Word load(const char* at) {
        Word word = 0;
        std::memcpy(&word, at, sizeof word);
        return word;
    }

    // For one count, different bytes give different words.
    static std::uint64_t load_up_to_8(const char* at, std::size_t count) {
        if (count == 8) return load<std::uint64_t>(at);
        if (count >= 4) {
            return load<std::uint32_t>(at) | static_cast<std::uint64_t>(load<std::uint32_t>(at + count - 4))
                                                 << 32U;
        }
        std::uint64_t word = 0;
        for (std::size_t i = 0; i < count; ++i) word = word << 8U | static_cast<unsigned char>(at[i]);
        return word;
    }

    std::uint64_t a_;
    std::uint64_t b_;
};

void add_token(Hasher& hasher, const Token& token) {
    constexpr std::uint64_t kKindStep = 0x9fb21c651e98df25U;  // spreads the kinds over the word
    const auto kind = (static_cast<std::uint64_t>(token.kind) + 1) * kKindStep;
    switch (token.kind) {
        case TokenKind::Number:
        case TokenKind::String:
        case TokenKind::MovingString:
        case TokenKind::BitString:
            return hasher.add(0, kind);
        case TokenKind::Word:
            return hasher.add_bytes<true>(token.text, kind ^ token.text.size());
        default:
            return hasher.add_bytes<false>(token.text, kind ^ token.text.size());
    }
}

bool begins_with_comment(std::string_view text) {
    std::size_t i = 0;
    while (i < text.size() && is(text[i], SpaceChar)) ++i;
    return i + 1 < text.size() &&
           ((text[i] == '/' && text[i + 1] == '*') || (text[i] == '-' && text[i + 1] == '-'));
}

// PostgreSQL joins strings that only white space with a line end parts; a moving date may come out of the
// join.
bool is_string(TokenKind kind) {
    return kind == TokenKind::String || kind == TokenKind::MovingString;
}

}  // namespace

Token Lexer::next() {
    return next_token(at_, end_);
}

Fingerprint fingerprint(std::string_view text, std::uint64_t seed) {
    Hasher hasher(seed);
    if (begins_with_comment(text)) hasher.add_bytes<false>(leading_hint(text), 1);
    Position at = text.data();
    const Position end = at + text.size();
    TokenKind last = TokenKind::End;
    for (Token token = next_token(at, end); token.kind != TokenKind::End; token = next_token(at, end)) {
        if (is_string(token.kind) && is_string(last)) token.kind = TokenKind::MovingString;
        add_token(hasher, token);
        last = token.kind;
    }
    return hasher.finish();
}

Fingerprint text_fingerprint(std::string_view text, std::uint64_t seed) {
    Hasher hasher(~seed);
    hasher.add_bytes<false>(text, text.size());
    return hasher.finish();
}

bool may_move(std::string_view text) {
    return has_moving_word(text);
}

TokenKind string_at(std::string_view text, std::size_t at) {
    if (at >= text.size()) return TokenKind::End;
    Lexer lexer(text.substr(at));
    const TokenKind kind = lexer.next().kind;
    if (!is_string(kind)) return TokenKind::End;
    return is_string(lexer.next().kind) ? TokenKind::MovingString : kind;
}

std::string_view leading_hint(std::string_view text) {
    while (begins_with_comment(text)) {
        while (is(text.front(), SpaceChar)) text.remove_prefix(1);
        std::string_view comment = text.substr(0, text.find_first_of("\r\n"));
        if (text.front() == '/') {
            const char* end = end_of_block_comment(text.data(), text.data() + text.size());
            if (end == nullptr) return {};
            comment = view(text.data(), end);
        }
        if (!parse_hint(comment).empty()) return comment;
        text.remove_prefix(comment.size());
    }
    return {};
}

std::vector<std::string_view> between_semicolons(std::string_view text) {
    std::vector<std::string_view> pieces;
    bool is_open = false;
    Lexer lexer(text);
    for (Token token = lexer.next(); token.kind != TokenKind::End; token = lexer.next()) {
        if (token.text == ";") {
            is_open = false;
            continue;
        }
        if (!is_open) pieces.push_back(token.text);
        is_open = true;
        std::string_view& piece = pieces.back();
        piece = std::string_view(
            piece.data(), static_cast<std::size_t>(token.text.data() + token.text.size() - piece.data()));
    }
    return pieces;
}

}  // namespace pgpool::sql
