// SPDX-License-Identifier: PostgreSQL
#include "proxy/sql/own_statements.h"

#include <algorithm>
#include <array>
#include <string>

#include "common/base/bytes.h"
#include "proxy/sql/lexer.h"

namespace pgpool::sql {
namespace {

constexpr std::array<std::string_view, 9> kShowNames{
    "pool_nodes",    "pool_pools",         "pool_processes",          "pool_version",
    "pool_status",   "pool_backend_stats", "pool_health_check_stats", "pool_cache",
    "pool_watchdog",
};

bool ends_here(Lexer lexer) {
    Token token = lexer.next();
    while (token.text == ";") token = lexer.next();
    return token.kind == TokenKind::End;
}

std::string lower_word(const Token& token) {
    return token.kind == TokenKind::Word ? to_lower_ascii(token.text) : std::string();
}

// What is left of the text, without blanks around it and without the semicolons at its end.
std::string rest_of(const Lexer& lexer, std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r\n\f\v";
    std::string_view rest = text.substr(static_cast<std::size_t>(lexer.position() - text.data()));
    rest.remove_prefix(std::min(rest.find_first_not_of(kBlanks), rest.size()));
    const std::size_t last = rest.find_last_not_of(" \t\r\n\f\v;");
    return std::string(rest.substr(0, last == std::string_view::npos ? 0 : last + 1));
}

Statement own(std::string name, std::string argument) {
    Statement statement;
    statement.kind = Kind::Pgpool;
    statement.name = std::move(name);
    statement.argument = std::move(argument);
    return statement;
}

std::optional<Statement> show(Lexer lexer, std::string_view text, bool admin_database) {
    std::string name = lower_word(lexer.next());
    Lexer after = lexer;
    if (name == "route" && lower_word(after.next()) == "for") return own(name, rest_of(after, text));
    const bool known = std::find(kShowNames.begin(), kShowNames.end(), name) != kShowNames.end();
    if (known && ends_here(lexer)) return own(std::move(name), {});
    if (admin_database && !name.empty()) return own(std::move(name), rest_of(lexer, text));
    return std::nullopt;
}

}  // namespace

std::optional<Statement> own_statement(std::string_view text, bool admin_database) {
    Lexer lexer(text);
    const std::string verb = lower_word(lexer.next());
    if (verb == "show") return show(lexer, text, admin_database);
    if (verb != "pgpool") return std::nullopt;
    const std::string command = lower_word(lexer.next());
    return own("pgpool " + command, rest_of(lexer, text));
}

}  // namespace pgpool::sql
