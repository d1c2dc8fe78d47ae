// SPDX-License-Identifier: PostgreSQL
#include "ctl/cluster/fields.h"

#include <algorithm>

namespace pgpool::ctl {

namespace {

std::string printable(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
    return text.empty() ? "-" : text;
}

std::string text_of(const Json& value) {
    if (value.is_null()) return "-";
    if (value.is_string()) return printable(value.get<std::string>());
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

const Json& member_of(const Json& object, const char* key) {
    static const Json nothing;
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found == object.end() ? nothing : *found;
}

const Json& list_of(const Json& object, const char* key) {
    static const Json empty = Json::array();
    const Json& found = member_of(object, key);
    return found.is_array() ? found : empty;
}

std::optional<std::int64_t> number_of(const Json& object, const char* key) {
    const Json& found = member_of(object, key);
    if (!found.is_number_integer()) return std::nullopt;
    return found.get<std::int64_t>();
}

bool is_true(const Json& object, const char* key) {
    const Json& found = member_of(object, key);
    return found.is_boolean() && found.get<bool>();
}

std::string text_of(const Json& object, const char* key) {
    return text_of(member_of(object, key));
}

std::string words_of(const Json& object, const char* key) {
    std::string words;
    for (const Json& word : list_of(object, key)) words += (words.empty() ? "" : " ") + text_of(word);
    return words.empty() ? "-" : words;
}

}  // namespace pgpool::ctl
