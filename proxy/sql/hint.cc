// SPDX-License-Identifier: PostgreSQL
#include "proxy/sql/hint.h"

#include <cstddef>

namespace pgpool::sql {
namespace {

bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}
char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

std::string_view body_of(std::string_view comment) {
    if (comment.substr(0, 2) == "--") return trim(comment.substr(2));
    if (comment.size() < 4 || comment.substr(0, 2) != "/*") return {};
    return trim(comment.substr(2, comment.size() - 4));
}

// Takes `word` off the front of `text`, any case.
bool take(std::string_view& text, std::string_view word) {
    if (text.size() < word.size()) return false;
    for (std::size_t i = 0; i < word.size(); ++i) {
        if (lower(text[i]) != word[i]) return false;
    }
    text = trim(text.substr(word.size()));
    return true;
}

bool is_no_load_balance(std::string_view body) {
    return take(body, "no") && take(body, "load") && take(body, "balance") && body.empty();
}

}  // namespace

ParsedHint parse_hint(std::string_view comment) {
    std::string_view body = body_of(comment);
    if (is_no_load_balance(body)) return {Hint::Primary, {}};
    if (!take(body, "pgpool") || !take(body, ":")) return {};
    std::string_view word = body;
    if (take(word, "primary") && word.empty()) return {Hint::Primary, {}};
    word = body;
    if (take(word, "standby") && word.empty()) return {Hint::Standby, {}};
    if (take(body, "node") && take(body, "=")) return {Hint::None, body};
    return {};
}

}  // namespace pgpool::sql
