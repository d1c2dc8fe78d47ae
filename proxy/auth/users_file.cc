// SPDX-License-Identifier: PostgreSQL
#include "proxy/auth/users_file.h"

#include <fmt/core.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>
#include <utility>

namespace pgpool::auth {

namespace {

struct Line {
    std::string user;
    std::string verifier;
};

void skip_space(std::string_view& text) {
    const std::size_t start = text.find_first_not_of(" \t\r\f\v");
    text.remove_prefix(start == std::string_view::npos ? text.size() : start);
}

bool is_end(std::string_view text) {
    return text.empty() || text[0] == '#' || text[0] == ';';
}

// Takes "…" and the space after it off the front.
Result<std::string> take_field(std::string_view& text, std::string_view what) {
    if (text.empty() || text[0] != '"') {
        return fail(sqlstate::kConfigFileError, fmt::format("expected {} in double quotes", what));
    }
    text.remove_prefix(1);
    std::string field;
    while (!text.empty()) {
        const char c = text[0];
        text.remove_prefix(1);
        if (c == '"' && !text.starts_with('"')) {
            const bool is_separated = is_end(text) || text[0] == ' ' || text[0] == '\t' || text[0] == '\r';
            if (!is_separated) {
                return fail(
                    sqlstate::kConfigFileError,
                    fmt::format("text directly after the closing quote of {}; write a double quote inside "
                                "as two",
                                what));
            }
            skip_space(text);
            return field;
        }
        if (c == '"') text.remove_prefix(1);
        field.push_back(c);
    }
    return fail(sqlstate::kConfigFileError,
                fmt::format("the double quote that begins {} is not closed", what));
}

// REQUIRES: a line that is not empty after skip_space.
Result<Line> parse_line(std::string_view text) {
    auto user = take_field(text, "the user name");
    if (!user) return tl::unexpected(user.error());
    if (user->empty()) return fail(sqlstate::kConfigFileError, "the user name is empty");
    auto verifier = take_field(text, "the password or verifier");
    if (!verifier) return tl::unexpected(verifier.error());
    while (!is_end(text)) {
        if (auto ignored = take_field(text, "a further field"); !ignored)
            return tl::unexpected(ignored.error());
    }
    return Line{std::move(*user), std::move(*verifier)};
}

Result<void> add_line(UserMap& users, std::string_view text) {
    skip_space(text);
    if (is_end(text)) return {};
    auto line = parse_line(text);
    if (!line) return tl::unexpected(line.error());
    auto verifier = parse_verifier(line->verifier);
    if (!verifier) return tl::unexpected(verifier.error().within(fmt::format("user \"{}\"", line->user)));
    const bool is_new = users.emplace(line->user, std::move(*verifier)).second;
    if (!is_new) {
        return fail(sqlstate::kConfigFileError,
                    fmt::format("user \"{}\" stands in the file twice", line->user));
    }
    return {};
}

struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

Result<UserMap> parse_users(std::string_view text, std::string_view name) {
    UserMap users;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = text.find('\n');
        if (const auto added = add_line(users, text.substr(0, end)); !added) {
            return fail(sqlstate::kConfigFileError,
                        fmt::format("{}:{}: {}", name, number, added.error().message));
        }
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return users;
}

Result<UserMap> load_users_file(const std::string& path) {
    const auto cannot_read = [&path](int error_number) {
        return fail(sqlstate::kConfigFileError, fmt::format("cannot read users file \"{}\": {}", path,
                                                            std::generic_category().message(error_number)));
    };
    const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "re"));
    if (!file) return cannot_read(errno);
    std::string text;
    char buffer[8192];
    for (;;) {
        const std::size_t count = std::fread(buffer, 1, sizeof buffer, file.get());
        text.append(buffer, count);
        if (count < sizeof buffer) break;
    }
    if (std::ferror(file.get()) != 0) return cannot_read(errno);
    return parse_users(text, path);
}

}  // namespace pgpool::auth
