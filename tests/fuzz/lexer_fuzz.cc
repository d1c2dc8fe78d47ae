// SPDX-License-Identifier: PostgreSQL

// Tokens tile the text in order; a text whose literals are replaced by others of their kind keeps its
// fingerprint; one whose words are replaced does not.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/error.h"
#include "proxy/sql/lexer.h"

using namespace pgpool::sql;

namespace {

struct Rewritten {
    std::string literals;
    std::string words;
    bool has_word = false;
    bool comparable = true;  // false: nothing can be said, a part does not end or strings are joined
};

bool is_string(TokenKind kind) {
    return kind == TokenKind::String || kind == TokenKind::MovingString;
}

Rewritten rewrite(std::string_view text) {
    Rewritten out;
    Lexer lexer(text);
    TokenKind last = TokenKind::End;
    const char* at = text.data();
    for (Token token = lexer.next(); token.kind != TokenKind::End; token = lexer.next()) {
        PGPOOL_ASSERT(token.text.data() >= at && !token.text.empty());
        PGPOOL_ASSERT(token.text.data() + token.text.size() <= text.data() + text.size());
        if (token.kind == TokenKind::Unfinished || (is_string(token.kind) && is_string(last)))
            out.comparable = false;
        std::string literal(token.text);
        std::string word(token.text);
        if (token.kind == TokenKind::String) literal = "$q$it's other$q$";
        if (token.kind == TokenKind::Number) literal = "98765.4321";
        if (token.kind == TokenKind::BitString) literal = "B'1010'";
        if (token.kind == TokenKind::Word && !out.has_word) {
            word = "zq" + word;
            out.has_word = true;
        }
        out.literals.append(at, token.text.data()).append(" ").append(literal).append(" ");
        out.words.append(at, token.text.data()).append(" ").append(word).append(" ");
        at = token.text.data() + token.text.size();
        last = token.kind;
    }
    out.literals.append(at, text.data() + text.size());
    out.words.append(at, text.data() + text.size());
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const Rewritten other = rewrite(text);
    const std::string_view hint = leading_hint(text);
    PGPOOL_ASSERT(hint.empty() || text.find(hint) != std::string_view::npos);
    const Fingerprint shape = fingerprint(text, 1);
    PGPOOL_ASSERT(shape == fingerprint(text, 1));
    if (!other.comparable) return 0;
    PGPOOL_ASSERT(shape == fingerprint(other.literals, 1));
    PGPOOL_ASSERT(!other.has_word || !(shape == fingerprint(other.words, 1)));
    return 0;
}
