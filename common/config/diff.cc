// SPDX-License-Identifier: PostgreSQL
#include "common/config/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "common/config/render.h"

namespace pgpool::config {

namespace {

std::string key_of(const List& list, ConstOwner element) {
    return std::get<std::string>(find_parameter(list.fields, list.key)->get(element));
}

std::optional<ConstOwner> find_element(const List& list, const Config& config, std::string_view key) {
    for (std::size_t i = 0; i < list.count(config); ++i) {
        const ConstOwner element = list.at(config, i);
        if (key_of(list, element) == key) return element;
    }
    return std::nullopt;
}

bool is_equal(const List& list, const Config& a, const Config& b) {
    if (list.count(a) != list.count(b)) return false;
    for (std::size_t i = 0; i < list.count(a); ++i) {
        for (const Parameter& field : list.fields) {
            if (field.get(list.at(a, i)) != field.get(list.at(b, i))) return false;
        }
    }
    return true;
}

class Comparison {
public:
    Comparison(const Config& running, const Config& wanted) : running_(running), wanted_(wanted) {}

    std::vector<Change> run() {
        for (const Parameter& parameter : parameters()) compare("", parameter, &running_, &wanted_);
        for (const List& list : lists()) {
            if (list.key.empty()) {
                compare_whole(list);
            } else {
                compare_elements(list);
            }
        }
        return std::move(changes_);
    }

private:
    void compare(const std::string& prefix, const Parameter& parameter, ConstOwner running,
                 ConstOwner wanted) {
        const Value before = parameter.get(running);
        const Value after = parameter.get(wanted);
        if (before == after) return;
        changes_.push_back({fmt::format("{}{}", prefix, parameter.name), parameter.reload,
                            write_value(parameter.type, before, Spelling::Plain),
                            write_value(parameter.type, after, Spelling::Plain)});
    }

    void compare_whole(const List& list) {
        if (is_equal(list, running_, wanted_)) return;
        changes_.push_back({std::string(list.name), list.reload,
                            write_list(list, running_, Spelling::YamlMask),
                            write_list(list, wanted_, Spelling::YamlMask)});
    }

    void compare_elements(const List& list) {
        for (std::size_t i = 0; i < list.count(running_); ++i) {
            const ConstOwner running = list.at(running_, i);
            const std::string name = fmt::format("{}[{}]", list.name, key_of(list, running));
            const std::optional<ConstOwner> wanted = find_element(list, wanted_, key_of(list, running));
            if (!wanted) {
                changes_.push_back({name, list.reload, write_element(list, running, Spelling::YamlMask), ""});
                continue;
            }
            for (const Parameter& field : list.fields) compare(name + ".", field, running, *wanted);
        }
        for (std::size_t i = 0; i < list.count(wanted_); ++i) {
            const ConstOwner wanted = list.at(wanted_, i);
            if (find_element(list, running_, key_of(list, wanted))) continue;
            changes_.push_back({fmt::format("{}[{}]", list.name, key_of(list, wanted)), list.reload, "",
                                write_element(list, wanted, Spelling::YamlMask)});
        }
    }

    const Config& running_;
    const Config& wanted_;
    std::vector<Change> changes_;
};

}  // namespace

std::string to_string(const Change& change) {
    std::string text = change.parameter + ": ";
    if (change.before.empty() && change.after.empty()) {
        text += "changed";
    } else {
        text += fmt::format("{} -> {}", change.before.empty() ? "(none)" : change.before,
                            change.after.empty() ? "(none)" : change.after);
    }
    switch (change.reload) {
        case Reload::Live:
            return text + " (live)";
        case Reload::NewConnections:
            return text + " (for new connections)";
        case Reload::Restart:
            return text + " (needs a restart; the old value stays in force)";
    }
    return text;
}

std::vector<Change> changes(const Config& running, const Config& wanted) {
    return Comparison(running, wanted).run();
}

Config effective_config(const Config& running, const Config& wanted) {
    Config effective = wanted;
    for (const Parameter& parameter : parameters()) {
        if (parameter.reload == Reload::Restart) parameter.set(&effective, parameter.get(&running));
    }
    for (const List& list : lists()) {
        if (list.reload == Reload::Restart) list.copy(effective, running);
    }
    return effective;
}

ReloadPlan reload_plan(const Config& running, const Config& wanted) {
    ReloadPlan plan{changes(running, wanted), effective_config(running, wanted), {}};
    plan.conflicts = validate(plan.effective);
    return plan;
}

}  // namespace pgpool::config
