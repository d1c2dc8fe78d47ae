// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/copy_dates.h"

#include <algorithm>
#include <string_view>

#include "proxy/sql/lexer.h"

namespace pgpool::exec {
namespace {

constexpr std::size_t kLongestDate = 40;
constexpr std::string_view kEnds = "\n\r\t,;|";

bool is_octal(char c) {
    return c >= '0' && c <= '7';
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char folded = static_cast<char>(c | 0x20);
    return folded >= 'a' && folded <= 'f' ? folded - 'a' + 10 : -1;
}

// The character of the escape whose letter is at `at`, and the end of it (PG documentation of COPY, "Text
// Format").
char unescape(std::string_view field, std::size_t& at) {
    const char letter = field[at++];
    if (is_octal(letter)) {
        int value = letter - '0';
        for (int more = 0; more < 2 && at < field.size() && is_octal(field[at]); ++more)
            value = value * 8 + (field[at++] - '0');
        return static_cast<char>(value);
    }
    if (letter == 'x' && at < field.size() && hex_value(field[at]) >= 0) {
        int value = hex_value(field[at++]);
        if (at < field.size() && hex_value(field[at]) >= 0) value = value * 16 + hex_value(field[at++]);
        return static_cast<char>(value);
    }
    // White space, between the words of a date.
    return std::string_view("bfnrtv").find(letter) != std::string_view::npos ? ' ' : letter;
}

std::string without_escapes(std::string_view field) {
    std::string out;
    for (std::size_t at = 0; at < field.size();) {
        const char c = field[at++];
        out += c == '\\' && at < field.size() ? unescape(field, at) : c;
    }
    return out;
}

}  // namespace

bool CopyDates::found_in(ByteView messages) {
    while (const auto piece = bodies_.next(messages)) {
        if (found_in_rows(*piece)) return true;
    }
    return false;
}

bool CopyDates::found_in_rows(ByteView bytes) {
    while (!bytes.empty()) {
        const std::size_t end = std::min(bytes.find_first_of(kEnds), bytes.size());
        keep(bytes.substr(0, end));
        if (end == bytes.size()) return false;
        if (ends_as_date()) return true;
        bytes.remove_prefix(end + 1);
    }
    return false;
}

// Spaces fill a date up to no end.
void CopyDates::keep(ByteView part) {
    for (const char c : part) {
        if (field_.size() > kLongestDate) return;
        if (c != '"' && (c != ' ' || (!field_.empty() && field_.back() != ' '))) field_ += c;
    }
}

bool CopyDates::ends_as_date() {
    const bool may_be_date = field_.size() <= kLongestDate;
    const bool has_escapes = field_.find('\\') != std::string::npos;
    const bool moves =
        may_be_date && (sql::may_move(field_) || (has_escapes && sql::may_move(without_escapes(field_))));
    field_.clear();
    return moves;
}

}  // namespace pgpool::exec
