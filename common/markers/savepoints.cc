// SPDX-License-Identifier: PostgreSQL
#include "common/markers/savepoints.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <string>
#include <string_view>

namespace pgpool::markers {

namespace {

enum class Verb : std::uint8_t { Set, Release, RollBack };

struct Command {
    Verb verb = Verb::Set;
    std::string name;
};

struct Savepoint {
    std::string name;
    std::size_t kept = 0;  // statements before it
};

// Words in lower case but for quoted ones; none if there is anything else.
std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    while (!text.empty()) {
        const char first = text.front();
        if (std::isspace(static_cast<unsigned char>(first)) != 0) {
            text.remove_prefix(1);
            continue;
        }
        const bool is_quoted = first == '"';
        std::size_t size = is_quoted ? 1 : 0;
        const auto belongs = [&](char c) {
            return is_quoted ? c != '"' : std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
        };
        while (size < text.size() && belongs(text[size])) ++size;
        if (size == 0 || (is_quoted && size == text.size())) return {};
        std::string word(text.substr(is_quoted ? 1 : 0, is_quoted ? size - 1 : size));
        if (!is_quoted)
            std::transform(word.begin(), word.end(), word.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        words.push_back(std::move(word));
        text.remove_prefix(is_quoted ? size + 1 : size);
    }
    return words;
}

std::string_view without_end(std::string_view text) {
    const std::size_t last = text.find_last_not_of(" \t\r\n;");
    return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

std::optional<Command> command_of(std::string_view text) {
    std::vector<std::string> words = words_of(without_end(text));
    if (words.size() < 2 || words.size() > 5) return std::nullopt;
    std::string name = std::move(words.back());
    words.pop_back();
    std::string verb = std::move(words.front());
    words.erase(words.begin());
    const auto skip = [&words](std::string_view word) {
        const bool is_next = !words.empty() && words.front() == word;
        if (is_next) words.erase(words.begin());
        return is_next;
    };
    std::optional<Verb> found;
    if (verb == "savepoint") found = Verb::Set;
    if (verb == "release") found = (skip("savepoint"), Verb::Release);
    if (verb == "rollback" && (skip("work"), skip("transaction"), skip("to")))
        found = (skip("savepoint"), Verb::RollBack);
    if (!found || !words.empty()) return std::nullopt;
    return Command{*found, std::move(name)};
}

}  // namespace

std::vector<RedoStatement> without_savepoints(const std::vector<RedoStatement>& statements) {
    std::vector<RedoStatement> kept;
    std::vector<Savepoint> savepoints;
    for (const RedoStatement& statement : statements) {
        const std::optional<Command> command = command_of(statement.sql);
        if (!command) {
            kept.push_back(statement);
            continue;
        }
        if (command->verb == Verb::Set) {
            savepoints.push_back({command->name, kept.size()});
            continue;
        }
        while (!savepoints.empty() && savepoints.back().name != command->name) savepoints.pop_back();
        if (savepoints.empty()) continue;
        if (command->verb == Verb::RollBack) kept.resize(savepoints.back().kept);
        if (command->verb == Verb::Release) savepoints.pop_back();
    }
    return kept;
}

}  // namespace pgpool::markers
