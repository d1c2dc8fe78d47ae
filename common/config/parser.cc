// SPDX-License-Identifier: PostgreSQL
#include "common/config/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "common/config/parameters.h"
#include "common/config/suggest.h"
#include "common/config/validate.h"

namespace pgpool::config {

namespace {

constexpr std::size_t kMaxErrors = 100;

using Names = std::vector<std::string_view>;

std::string_view kind_name(YamlNode::Kind kind) {
    switch (kind) {
        case YamlNode::Kind::Null:
            return "nothing";
        case YamlNode::Kind::Scalar:
            return "a single value";
        case YamlNode::Kind::List:
            return "a list";
        case YamlNode::Kind::Map:
            return "a map";
    }
    return {};
}

std::string join(std::string_view prefix, std::string_view name) {
    return prefix.empty() ? std::string(name) : fmt::format("{}.{}", prefix, name);
}

// The names that may stand under a section; the empty one is the top level.
Names names_in(std::string_view section) {
    Names names;
    if (section.empty()) {
        for (const Section& each : sections()) {
            if (!each.name.empty()) names.push_back(each.name);
        }
    }
    for (const Parameter& parameter : parameters()) {
        if (section_of(parameter.name) == section) names.push_back(last_part(parameter.name));
    }
    for (const List& list : lists()) {
        if (!section.empty() && section_of(list.name) == section) names.push_back(last_part(list.name));
    }
    return names;
}

// The path of a parameter of any section that has this very name.
std::string_view same_name_elsewhere(std::string_view name) {
    for (const Parameter& parameter : parameters()) {
        if (last_part(parameter.name) == name) return parameter.name;
    }
    for (const List& list : lists()) {
        if (last_part(list.name) == name) return list.name;
    }
    return {};
}

// What may have been meant by an unknown key: a parameter in the wrong section, else a misspelled one of
// this.
std::string suggestion_in(std::string_view section, std::string_view key) {
    if (const std::string_view elsewhere = same_name_elsewhere(key); !elsewhere.empty())
        return std::string(elsewhere);
    const std::string_view near = nearest(key, names_in(section));
    return near.empty() ? std::string() : join(section, near);
}

std::string field_like(const List& list, std::string_view key) {
    Names names;
    for (const Parameter& field : list.fields) names.push_back(field.name);
    return std::string(nearest(key, names));
}

class Reader {
public:
    Reader(const YamlTree& tree, std::string_view file) : tree_(tree), file_(file) {}

    ParseOutcome run() {
        read_section("", tree_[tree_.root]);
        add_findings();
        ParseOutcome outcome;
        std::stable_sort(errors_.begin(), errors_.end(),
                         [](const ConfigError& a, const ConfigError& b) { return a.place < b.place; });
        if (errors_.size() > kMaxErrors) errors_.resize(kMaxErrors);
        outcome.errors = std::move(errors_);
        if (outcome.errors.empty()) outcome.config = std::move(config_);
        return outcome;
    }

private:
    using OnEntry = std::function<void(std::string_view key, const YamlNode& at, const YamlNode& value)>;

    void report(Place place, std::string parameter, std::string message) {
        failed_sections_.insert(parameter.substr(0, parameter.find_first_of(".[")));
        if (errors_.size() <= 2 * kMaxErrors) {
            errors_.push_back({std::string(file_), place, std::move(parameter), std::move(message)});
        }
    }

    void report_kind(const YamlNode& node, std::string parameter, std::string_view wanted) {
        report(node.place, std::move(parameter),
               fmt::format("{} where {} is expected", kind_name(node.kind), wanted));
    }

    // Calls for every pair of a map with a usable key. An empty map may be written as nothing: a section
    // whose parameters are all commented out.
    void read_map(const std::string& path, const YamlNode& map, const OnEntry& on_entry) {
        if (map.kind == YamlNode::Kind::Null) return;
        if (map.kind != YamlNode::Kind::Map) return report_kind(map, path, "a map of parameters");
        std::map<std::string_view, Place> seen;
        for (std::size_t i = 0; i + 1 < map.items.size(); i += 2) {
            const YamlNode& key = tree_[map.items[i]];
            if (key.kind != YamlNode::Kind::Scalar) {
                report_kind(key, path, "the name of a parameter");
                continue;
            }
            const auto [first, is_new] = seen.try_emplace(key.text, key.place);
            if (!is_new) {
                report(key.place, join(path, shown_in_message(key.text)),
                       fmt::format("stands twice, first in line {}", first->second.line));
            } else if (key.text == "<<" && !key.is_quoted) {
                report(key.place, path, "merge keys (<<) are not supported; write the parameters out");
            } else {
                on_entry(key.text, key, tree_[map.items[i + 1]]);
            }
        }
    }

    void read_section(const std::string& section, const YamlNode& map) {
        read_map(section, map, [&](std::string_view key, const YamlNode& at, const YamlNode& value) {
            const std::string path = join(section, key);
            places_[path] = at.place;
            if (const Parameter* parameter = find_parameter(parameters(), path)) {
                read_parameter(*parameter, &config_, path, value);
            } else if (const List* list = find_list(path)) {
                read_elements(*list, value);
            } else if (is_section(path)) {
                read_section(path, value);
            } else {
                report_unknown(section, key, suggestion_in(section, key), at.place);
            }
        });
    }

    void report_unknown(std::string_view path, std::string_view key, const std::string& suggestion,
                        Place place) {
        std::string message = "unknown parameter";
        if (!suggestion.empty()) message += fmt::format("; did you mean \"{}\"?", suggestion);
        report(place, join(path, key.empty() ? "\"\"" : shown_in_message(key)), std::move(message));
    }

    void read_elements(const List& list, const YamlNode& node) {
        const std::string path(list.name);
        if (node.kind == YamlNode::Kind::Null) return;
        if (node.kind != YamlNode::Kind::List)
            return report_kind(node, path, "a list (lines that begin with \"-\")");
        if (node.items.size() > list.max) {
            return report(node.place, path,
                          fmt::format("has {} elements; allowed: at most {}", node.items.size(), list.max));
        }
        for (std::size_t i = 0; i < node.items.size(); ++i) {
            read_element(list, fmt::format("{}[{}]", path, i), tree_[node.items[i]]);
        }
    }

    void read_element(const List& list, const std::string& path, const YamlNode& map) {
        const Owner owner = list.append(config_);
        places_[path] = map.place;
        std::set<std::string_view> given;
        read_map(path, map, [&](std::string_view key, const YamlNode& at, const YamlNode& value) {
            const Parameter* field = find_parameter(list.fields, key);
            if (field == nullptr) return report_unknown(path, key, field_like(list, key), at.place);
            const std::string field_path = join(path, key);
            places_[field_path] = at.place;
            given.insert(field->name);
            read_parameter(*field, owner, field_path, value);
        });
        const bool is_map = map.kind == YamlNode::Kind::Map || map.kind == YamlNode::Kind::Null;
        for (const Parameter& field : list.fields) {
            if (is_map && is_required(list, field) && !given.contains(field.name)) {
                report(map.place, join(path, field.name), "missing; every element needs it");
            }
        }
    }

    void read_parameter(const Parameter& parameter, Owner owner, const std::string& path,
                        const YamlNode& node) {
        if (parameter.type.kind == Kind::TextList && node.kind != YamlNode::Kind::Scalar) {
            return read_text_list(parameter, owner, path, node);
        }
        if (node.kind == YamlNode::Kind::Null) {
            const std::string advice = parameter.type.kind == Kind::Text
                                           ? "write \"\" for an empty text"
                                           : "allowed: " + allowed_text(parameter.type);
            // The place of nothing is where the next thing stands; that of its key helps more.
            return report(place_of(path), path, "has no value; " + advice);
        }
        if (node.kind != YamlNode::Kind::Scalar) return report_kind(node, path, "a single value");
        store(parameter, owner, path, node.place, read_scalar(parameter.type, node.text));
    }

    void read_text_list(const Parameter& parameter, Owner owner, const std::string& path,
                        const YamlNode& node) {
        if (node.kind == YamlNode::Kind::Map) return report_kind(node, path, "a list");
        std::vector<std::string> elements;
        for (const std::size_t index : node.items) {
            const YamlNode& element = tree_[index];
            if (element.kind != YamlNode::Kind::Scalar) return report_kind(element, path, "a single value");
            elements.push_back(element.text);
        }
        store(parameter, owner, path, node.place, read_list(parameter.type, std::move(elements)));
    }

    void store(const Parameter& parameter, Owner owner, const std::string& path, Place place,
               ReadResult result) {
        if (result) {
            parameter.set(owner, *result);
        } else {
            report(place, path, std::move(result.error()));
        }
    }

    void add_findings() {
        const std::set<std::string, std::less<>> failed = failed_sections_;
        for (Finding& finding : validate(config_)) {
            const std::string_view whole = finding.parameter;
            const std::string_view section = whole.substr(0, whole.find_first_of(".["));
            if (failed.contains(section) || failed.contains(finding.other_section)) continue;
            const Place place = place_of(finding.parameter);
            report(place, std::move(finding.parameter), std::move(finding.message));
        }
    }

    // Of the parameter, or of the nearest thing around it that stands in the file.
    [[nodiscard]] Place place_of(std::string parameter) const {
        while (!parameter.empty()) {
            if (const auto found = places_.find(parameter); found != places_.end()) return found->second;
            const std::size_t cut = parameter.find_last_of(".[");
            parameter.resize(cut == std::string::npos ? 0 : cut);
        }
        return {1, 1};
    }

    const YamlTree& tree_;
    std::string_view file_;
    Config config_;
    std::vector<ConfigError> errors_;
    std::map<std::string, Place> places_;
    std::set<std::string, std::less<>> failed_sections_;
};

}  // namespace

std::string to_string(const ConfigError& error) {
    std::string text = error.file;
    if (error.place.line > 0) text += fmt::format(":{}:{}", error.place.line, error.place.column);
    if (!error.parameter.empty()) text += ": " + error.parameter;
    return text + ": " + error.message;
}

ParseOutcome parse(std::string_view text, std::string_view file) {
    const auto tree = read_yaml(text);
    if (tree) return Reader(*tree, file).run();
    return {std::nullopt, {{std::string(file), tree.error().place, "", tree.error().message}}};
}

}  // namespace pgpool::config
