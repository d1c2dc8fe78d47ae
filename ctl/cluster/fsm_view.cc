// SPDX-License-Identifier: PostgreSQL
#include <fmt/core.h>

#include "ctl/cluster/views.h"
#include "watchdog/decide/render.h"

namespace pgpool::ctl {

namespace {

// Rows from one phase to the same next one share an edge.
std::string as_dot() {
    std::string text = "digraph failover {\n  node [shape=box];\n";
    for (const decide::PhaseInfo& phase : decide::phases())
        text += fmt::format("  \"{}\" [tooltip=\"{}\"];\n", phase.name, phase.meaning);
    for (const decide::PhaseInfo& from : decide::phases()) {
        for (const decide::PhaseInfo& to : decide::phases()) {
            std::string rows;
            for (const decide::Transition& row : decide::transitions()) {
                if (row.from != from.phase || row.next != to.phase) continue;
                rows += fmt::format("{}{}", rows.empty() ? "" : "\\n", row.id);
            }
            if (!rows.empty())
                text += fmt::format("  \"{}\" -> \"{}\" [label=\"{}\"];\n", from.name, to.name, rows);
        }
    }
    return text + "}\n";
}

template <typename Enum>
Json names_of(decide::EnumSet<Enum> set, std::size_t count) {
    Json names = Json::array();
    for (std::size_t i = 0; i < count; ++i) {
        const auto item = static_cast<Enum>(i);
        if (set.has(item)) names.push_back(std::string(to_string(item)));
    }
    return names;
}

Json json_of(const decide::Transition& row) {
    return {{"row", std::string(row.id)},
            {"from", std::string(decide::info(row.from).name)},
            {"on", names_of(row.on, decide::kEvents)},
            {"if", names_of(row.guard.all, decide::kFacts)},
            {"if_not", names_of(row.guard.none, decide::kFacts)},
            {"do", names_of(row.actions, decide::kActions)},
            {"to", std::string(decide::info(row.next).name)},
            {"comment", std::string(row.comment)}};
}

}  // namespace

std::string transitions_text(TableForm form) {
    switch (form) {
        case TableForm::Dot:
            return as_dot();
        case TableForm::Mermaid:
            return decide::table_as_mermaid();
        case TableForm::Text:
            break;
    }
    return decide::table_as_text();
}

Json transitions_json() {
    Json phases = Json::array();
    for (const decide::PhaseInfo& phase : decide::phases()) {
        phases.push_back(
            {{"phase", std::string(phase.name)},
             {"meaning", std::string(phase.meaning)},
             {"deadline_ms", phase.deadline.count() == 0 ? Json() : Json(phase.deadline.count())}});
    }
    Json rows = Json::array();
    for (const decide::Transition& row : decide::transitions()) rows.push_back(json_of(row));
    return {{"phases", phases}, {"transitions", rows}};
}

}  // namespace pgpool::ctl
