// SPDX-License-Identifier: PostgreSQL
#include "common/config/render.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <functional>
#include <iterator>

namespace pgpool::config {

namespace {

bool is_default(const List& list, const Parameter& field, ConstOwner element) {
    return field.get(element) == field.get(list.defaults());
}

void append_section(std::string& yaml, const Section& section, const Config& config, Spelling spelling) {
    const bool is_map = is_section(section.name);
    const std::string_view indentation = is_map ? "  " : "";
    if (is_map) yaml += fmt::format("{}:\n", section.name);
    for (const Parameter& parameter : parameters()) {
        if (section_of(parameter.name) != section.name) continue;
        yaml += fmt::format("{}{}: {}\n", indentation, last_part(parameter.name),
                            write_value(parameter.type, parameter.get(&config), spelling));
    }
    for (const List& list : lists()) {
        if (list.name != section.name && (!is_map || section_of(list.name) != section.name)) continue;
        yaml += write_list_block(list, config, spelling, indentation);
    }
}

}  // namespace

std::string to_yaml(const Config& config, Secrets secrets) {
    const Spelling spelling = secrets == Secrets::Clear ? Spelling::Yaml : Spelling::YamlMask;
    std::string yaml;
    for (const Section& section : sections()) append_section(yaml, section, config, spelling);
    return yaml;
}

std::vector<Row> rows_of(const Config& config) {
    std::vector<Row> rows;
    const auto add = [&rows](std::string name, const Parameter& parameter, ConstOwner owner) {
        rows.push_back({std::move(name), write_value(parameter.type, parameter.get(owner), Spelling::Plain),
                        std::string(parameter.help)});
    };
    for (const Section& section : sections()) {
        for (const Parameter& parameter : parameters()) {
            if (section_of(parameter.name) == section.name)
                add(std::string(parameter.name), parameter, &config);
        }
        for (const List& list : lists()) {
            if (section.name.empty() || list.name.substr(0, list.name.find('.')) != section.name) continue;
            for (std::size_t i = 0; i < list.count(config); ++i) {
                for (const Parameter& field : list.fields) {
                    add(fmt::format("{}[{}].{}", list.name, i, field.name), field, list.at(config, i));
                }
            }
        }
    }
    return rows;
}

std::string write_element(const List& list, ConstOwner element, Spelling spelling) {
    std::vector<std::string> fields;
    for (const Parameter& field : list.fields) {
        if (is_default(list, field, element)) continue;
        fields.push_back(
            fmt::format("{}: {}", field.name, write_value(field.type, field.get(element), spelling)));
    }
    return fmt::format("{{{}}}", fmt::join(fields, ", "));
}

std::string write_list(const List& list, const Config& config, Spelling spelling) {
    std::vector<std::string> elements;
    for (std::size_t i = 0; i < list.count(config); ++i) {
        elements.push_back(write_element(list, list.at(config, i), spelling));
    }
    return fmt::format("[{}]", fmt::join(elements, ", "));
}

std::string write_list_block(const List& list, const Config& config, Spelling spelling,
                             std::string_view indentation) {
    std::string yaml = fmt::format("{}{}:", indentation, last_part(list.name));
    if (list.count(config) == 0) return yaml + " []\n";
    yaml += '\n';
    for (std::size_t i = 0; i < list.count(config); ++i) {
        std::string_view lead = "- ";
        for (const Parameter& field : list.fields) {
            yaml += fmt::format("{}  {}{}: {}\n", indentation, lead, field.name,
                                write_value(field.type, field.get(list.at(config, i)), spelling));
            lead = "  ";
        }
    }
    return yaml;
}

}  // namespace pgpool::config
