// SPDX-License-Identifier: PostgreSQL
#pragma once

// THE table: every parameter of appliance.yaml with its place in Config, type, range, reload class and help.
// Parser, rendering, samples, documentation, reload and SHOW are made from it and know no parameter by name.
// Adding a parameter: a field in config.h, a row in parameters.cc; the default is the field's initialiser.
//
// Parameters are plain (`pool.size`, a field of Config's sections) or fields of a list's elements (`port` of
// `nodes`). The tables are constant data; pointers and views into them are valid for ever.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "common/config/config.h"
#include "common/config/value.h"

namespace pgpool::config {

// What a change of the value at a reload reaches.
enum class Reload : std::uint8_t {
    Live,            // at once, also clients and pools that exist
    NewConnections,  // clients and server connections that come after it
    Restart,         // nothing: the old value stays in force until the process is started again
};
[[nodiscard]] std::string_view to_string(Reload reload);  // "live", "new connections", "restart"

// What holds the field of a parameter: the Config, or the element of a list.
using Owner = std::variant<Config*, Node*, RouteRule*, AccessRule*, VipAddress*, Member*>;
using ConstOwner = std::variant<const Config*, const Node*, const RouteRule*, const AccessRule*,
                                const VipAddress*, const Member*>;

struct Parameter {
    std::string_view name;  // whole path; of a list's element: the field's name
    Type type;
    Reload reload = Reload::Restart;
    std::string_view help;  // sentences, with the unit
    // REQUIRES: the owner is of the kind that the table of this parameter describes.
    Value (*get)(ConstOwner owner) = nullptr;
    void (*set)(Owner owner, const Value& value) = nullptr;
};

struct List {
    std::string_view name;
    std::string_view key;  // the field that tells elements apart over a reload; empty: their order does
    std::size_t max = 0;   // elements
    Reload reload = Reload::Restart;  // of elements added, removed or (without key) changed; if it is
                                      // Restart, that of the fields is, too
    std::string_view help;
    std::span<const Parameter> fields;
    std::size_t (*count)(const Config& config) = nullptr;
    ConstOwner (*at)(const Config& config, std::size_t index) = nullptr;
    Owner (*append)(Config& config) = nullptr;  // a default element; valid until the next append
    ConstOwner (*defaults)() = nullptr;
    void (*copy)(Config& to, const Config& from) = nullptr;
};

// A heading of the file, in the order of the file: a map, or a list at top level (`nodes`).
struct Section {
    std::string_view name;  // empty: parameters at top level
    std::string_view help;
};

[[nodiscard]] std::span<const Section> sections();
[[nodiscard]] std::span<const Parameter> parameters();  // the plain ones
[[nodiscard]] std::span<const List> lists();

[[nodiscard]] const Parameter* find_parameter(std::span<const Parameter> table, std::string_view name);
[[nodiscard]] const List* find_list(std::string_view name);
[[nodiscard]] bool is_section(std::string_view name);              // a map of parameters
[[nodiscard]] std::string_view section_of(std::string_view name);  // "pool" of "pool.size"
[[nodiscard]] std::string_view last_part(std::string_view name);   // "size" of "pool.size"
[[nodiscard]] const Config& default_config();

// A field that has no default: its element is refused without it.
[[nodiscard]] bool is_required(const List& list, const Parameter& field);

}  // namespace pgpool::config
