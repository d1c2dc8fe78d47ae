// SPDX-License-Identifier: PostgreSQL
#include "proxy/admin/show_config.h"

#include <fmt/core.h>

#include <algorithm>

#include "common/config/render.h"
#include "common/config/suggest.h"
#include "proxy/admin/cells.h"

namespace pgpool::admin {

namespace {

// The row of the table that "pool.size" or "nodes[0].host" is about.
const config::Parameter& parameter_of(std::string_view name) {
    const std::size_t bracket = name.find('[');
    const config::Parameter* found = nullptr;
    if (bracket == std::string_view::npos) {
        found = config::find_parameter(config::parameters(), name);
    } else {
        const config::List* list = config::find_list(name.substr(0, bracket));
        PGPOOL_ASSERT(list != nullptr);
        found = config::find_parameter(list->fields, name.substr(name.find("].") + 2));
    }
    PGPOOL_ASSERT(found != nullptr);  // rows_of() is made from the same table
    return *found;
}

}  // namespace

OwnResult pool_status(const config::Config& config) {
    OwnResult result;
    result.columns = {{"item"}, {"value"}, {"description"}};
    for (const auto& row : config::rows_of(config))
        result.rows.push_back({row.name, row.value, row.description});
    return result;
}

OwnResult console_config(const config::Config& config) {
    OwnResult result;
    result.columns = {{"key"}, {"value"}, {"default"}, {"changeable"}};
    const auto defaults = config::rows_of(config::default_config());
    for (const auto& row : config::rows_of(config)) {
        const auto standard = std::find_if(defaults.begin(), defaults.end(),
                                           [&](const config::Row& other) { return other.name == row.name; });
        const bool can_change = parameter_of(row.name).reload != config::Reload::Restart;
        result.rows.push_back({row.name, row.value,
                               standard != defaults.end() ? Value(standard->value) : Value(),
                               text(can_change ? "yes" : "no")});
    }
    return result;
}

Result<OwnResult> parameter(const config::Config& config, std::string_view name) {
    const auto rows = config::rows_of(config);
    const auto found =
        std::find_if(rows.begin(), rows.end(), [&](const config::Row& row) { return row.name == name; });
    if (found != rows.end()) {
        OwnResult result;
        result.columns = {{parameter_of(found->name).name}};
        result.rows.push_back({found->value});
        return result;
    }
    std::vector<std::string_view> names;
    for (const config::Row& row : rows) names.push_back(row.name);
    const std::string_view near = config::nearest(name, names);
    return fail(sqlstate::kUndefinedObject,
                fmt::format("unrecognized configuration parameter \"{}\"{}", name,
                            near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)));
}

}  // namespace pgpool::admin
