// SPDX-License-Identifier: PostgreSQL
#include "common/config/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "common/config/parameters.h"
#include "common/config/render.h"

namespace pgpool::config {

namespace {

constexpr std::size_t kLineWidth = 100;

// The elements that samples show: a pair of nodes, one network, one rule, two members, one virtual address.
Config example() {
    Config config;
    config.nodes = {{"n1", "10.0.0.1", 5432, 1.0}, {"n2", "10.0.0.2", 5432, 1.0}};
    config.routing.rules = {{"", "", "reporting", "standby"}};
    config.watchdog.members = {{"a", "10.1.0.1"}, {"b", "10.1.0.2"}};
    config.vip.addresses = {{"10.0.0.100", "eth0"}};
    config.auth.access = {{{}, {}, "10.0.0.0/8", AuthMethod::ScramSha256}};
    return config;
}

std::string wrapped(std::string_view text, std::string_view prefix) {
    std::string out;
    std::string line(prefix);
    bool is_empty = true;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find(' ', at), text.size());
        const std::string_view next = text.substr(at, end - at);
        if (!is_empty && line.size() + 1 + next.size() > kLineWidth) {
            out += line + '\n';
            line = prefix;
            is_empty = true;
        }
        if (!is_empty) line += ' ';
        line += next;
        is_empty = false;
        at = end + 1;
    }
    return out + line + '\n';
}

std::string type_text(const Type& type) {
    if (type.kind == Kind::Boolean) return "on or off";
    if (type.kind == Kind::Word) return "one of " + allowed_text(type);
    std::string text = allowed_text(type);
    text = text.substr(0, text.find(", e.g."));
    if (type.kind != Kind::Text && type.kind != Kind::TextList)
        return fmt::format("{}, {}", type_name(type), text);
    if (type.min > 0) return type_name(type) + ", not empty";
    return type_name(type);
}

std::string default_text(const Parameter& parameter, ConstOwner defaults) {
    return write_value(parameter.type, parameter.get(defaults), Spelling::YamlMask);
}

std::string facts(const Parameter& parameter) {
    return fmt::format("{}; change: {}", type_text(parameter.type), to_string(parameter.reload));
}

// Lists under a section, `nodes` under itself.
std::vector<const List*> lists_in(const Section& section) {
    std::vector<const List*> found;
    for (const List& list : lists()) {
        const bool is_inside = !section.name.empty() && section_of(list.name) == section.name;
        if (list.name == section.name || is_inside) found.push_back(&list);
    }
    return found;
}

std::vector<const Parameter*> parameters_in(const Section& section) {
    std::vector<const Parameter*> found;
    for (const Parameter& parameter : parameters()) {
        if (section_of(parameter.name) == section.name) found.push_back(&parameter);
    }
    return found;
}

std::string field_default(const List& list, const Parameter& field) {
    return is_required(list, field) ? "required" : "default " + default_text(field, list.defaults());
}

// Every line of the text with `#` before its first character that is no blank.
std::string commented_out(std::string_view yaml) {
    std::string out;
    while (!yaml.empty()) {
        const std::string_view line = yaml.substr(0, yaml.find('\n'));
        const std::size_t blanks = line.find_first_not_of(' ');
        out += fmt::format("{}#{}\n", line.substr(0, blanks), line.substr(blanks));
        yaml.remove_prefix(line.size() + 1);
    }
    return out;
}

void append_sample_list(std::string& text, const List& list, std::string_view indentation) {
    const std::string comment = fmt::format("{}# ", indentation);
    text += '\n' + wrapped(list.help, comment);
    for (const Parameter& field : list.fields) {
        text += wrapped(
            fmt::format("{}: {} ({}; {})", field.name, field.help, facts(field), field_default(list, field)),
            comment + "  ");
    }
    const std::string block = write_list_block(list, example(), Spelling::Yaml, indentation);
    // Without nodes and without access rules nothing works: these two are live in the sample.
    const bool is_needed = list.name == "nodes" || list.name == "auth.access";
    text += is_needed ? block : commented_out(block);
}

void append_sample_section(std::string& text, const Section& section) {
    const bool is_map = is_section(section.name);
    const std::string_view indentation = is_map ? "  " : "";
    if (is_map) text += '\n' + wrapped(section.help, "# ") + fmt::format("{}:\n", section.name);
    const std::string comment = fmt::format("{}# ", indentation);
    bool is_first = true;
    for (const Parameter* parameter : parameters_in(section)) {
        if (!is_first) text += '\n';
        is_first = false;
        text += wrapped(parameter->help, comment) + wrapped(fmt::format("({})", facts(*parameter)), comment);
        text += fmt::format("{}#{}: {}\n", indentation, last_part(parameter->name),
                            default_text(*parameter, &default_config()));
    }
    for (const List* list : lists_in(section)) append_sample_list(text, *list, indentation);
}

// A cell of a Markdown table may hold no bar.
std::string cell(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '|') out += '\\';
        out += c;
    }
    return out;
}

constexpr std::string_view kTableHead =
    "| parameter | value | default | change takes effect | meaning |\n|---|---|---|---|---|\n";

std::string manual_row(std::string_view name, const Parameter& parameter, std::string_view value) {
    return fmt::format("| `{}` | {} | {} | {} | {} |\n", name, cell(type_text(parameter.type)), cell(value),
                       to_string(parameter.reload), cell(parameter.help));
}

void append_manual_list(std::string& text, const List& list) {
    const std::string_view section = section_of(list.name);
    if (!section.empty()) text += fmt::format("\n### `{}`\n", list.name);
    text += fmt::format("\n{} A list of at most {} elements; elements added or removed: {}.\n\n{}", list.help,
                        list.max, to_string(list.reload), kTableHead);
    for (const Parameter& field : list.fields) {
        const std::string value = is_required(list, field)
                                      ? "(required)"
                                      : fmt::format("`{}`", default_text(field, list.defaults()));
        text += manual_row(field.name, field, value);
    }
    const std::string head = section.empty() ? "" : fmt::format("{}:\n", section);
    const std::string block = write_list_block(list, example(), Spelling::Yaml, section.empty() ? "" : "  ");
    text += fmt::format("\n```yaml\n{}{}```\n", head, block);
}

void append_manual_section(std::string& text, const Section& section) {
    const std::string title = section.name.empty() ? "Top level" : fmt::format("`{}`", section.name);
    text += fmt::format("\n## {}\n", title);
    if (find_list(section.name) == nullptr) text += fmt::format("\n{}\n", section.help);
    const std::vector<const Parameter*> rows = parameters_in(section);
    if (!rows.empty()) text += fmt::format("\n{}", kTableHead);
    for (const Parameter* parameter : rows) {
        text += manual_row(parameter->name, *parameter,
                           fmt::format("`{}`", default_text(*parameter, &default_config())));
    }
    for (const List* list : lists_in(section)) append_manual_list(text, *list);
}

constexpr std::string_view kManualIntroduction =
    R"(# Configuration

All programs read one YAML file, by default `/etc/pgpool/appliance.yaml`. This page is made from the table in
`common/config/parameters.cc`; so are `--help-config`, the annotated sample (`deploy/appliance.yaml.sample`) and
`SHOW POOL_STATUS`.

* **Durations** are written `500ms`, `30s`, `5min`, `1h` or `1d`; an integer without unit is milliseconds.
* **Sizes** are written as in PostgreSQL, in powers of 1024: `64kB`, `16MB`, `1GB`, `1TB`, `512B`; an integer
  without unit is bytes.
* **Lists** of names are written `[a, b]`, or one name in each line after `- `; a single name is a list of one.
* **Booleans** are `on`, `off`, `true`, `false`, `yes` or `no`.
* A parameter that is not in the file has its default. Unknown parameters are errors, as are parameters that stand
  twice, tabs in the indentation, merge keys (`<<`), a second document, and files above 1 MiB. Anchors and aliases work.

When a change takes effect:

* **live**: at reload, also for clients and server connections that exist;
* **new connections**: at reload, for clients and server connections that come after it;
* **restart**: not at reload. The reload says so, and the old value stays in force until a restart.

A file with an error changes nothing: at start the program says what is wrong and ends, at reload it says what is wrong
and goes on with the configuration it has.
)";

constexpr std::string_view kSampleIntroduction =
    R"(# Sample of /etc/pgpool/appliance.yaml, with every parameter.
#
# Lines that are commented out show the default; remove the "#" to change one.
# Durations: 500ms, 30s, 5min, 1h, 1d; an integer without unit is milliseconds.
# Sizes: 64kB, 16MB, 1GB, 1TB, 512B; an integer without unit is bytes.
# A change takes effect at reload (live), at reload for clients and server connections that come after it
# (new connections), or only at restart.

)";

}  // namespace

std::string help_text() {
    std::string text =
        "Parameters of the configuration file. Durations: 500ms, 30s, 5min, 1h, 1d (an integer is ms).\n"
        "Sizes: 64kB, 16MB, 1GB (an integer is bytes).\n";
    const auto add = [&text](std::string_view name, const Parameter& parameter, std::string_view value) {
        text += fmt::format("\n{}\n", name);
        text += wrapped(parameter.help, "    ");
        text += wrapped(fmt::format("({}; {})", facts(parameter), value), "    ");
    };
    for (const Section& section : sections()) {
        for (const Parameter* parameter : parameters_in(section)) {
            add(parameter->name, *parameter, "default " + default_text(*parameter, &default_config()));
        }
        for (const List* list : lists_in(section)) {
            text += fmt::format("\n{}\n", list->name) + wrapped(list->help, "    ");
            for (const Parameter& field : list->fields) {
                add(fmt::format("{}[].{}", list->name, field.name), field, field_default(*list, field));
            }
        }
    }
    return text;
}

std::string sample_file() {
    std::string text(kSampleIntroduction);
    for (const Section& section : sections()) append_sample_section(text, section);
    return text;
}

std::string reference_manual() {
    std::string text(kManualIntroduction);
    for (const Section& section : sections()) append_manual_section(text, section);
    return text;
}

}  // namespace pgpool::config
