// SPDX-License-Identifier: PostgreSQL
#include "ctl/verify/report.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace pgpool::ctl::verify {

namespace {

// Keys come from the nodes: they must not move the cursor.
std::string on_one_line(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
    return text;
}

std::string line_of(const Difference& difference) {
    std::string text = difference.database.empty() ? "" : difference.database + ": ";
    if (difference.kind != "row") text += difference.kind + " ";
    text += difference.object;
    if (!difference.key.empty()) text += ": " + difference.key;
    return on_one_line(fmt::format("{}: {} on {}", text, difference.what, difference.node));
}

}  // namespace

std::string to_text(const Report& report) {
    std::string text;
    for (const Difference& difference : report.differences) text += "differs: " + line_of(difference) + "\n";
    for (const std::string& note : report.notes) text += "note: " + on_one_line(note) + "\n";
    const std::string extent =
        fmt::format("{} databases, {} tables, {} rows", report.databases.size(), report.tables, report.rows);
    const std::string nodes = fmt::format("{}", fmt::join(report.nodes, ", "));
    if (report.differences.empty() && !report.is_complete)
        return text + fmt::format("{}: not compared to the end, no finding so far: {}\n", nodes, extent);
    if (report.is_equal()) return text + fmt::format("{} are equal: {}\n", nodes, extent);
    return text + fmt::format("{} differ, {} findings: {}\n", nodes, report.differences.size(), extent);
}

Json to_json(const Report& report) {
    const auto or_null = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
    Json unreachable = Json::array();
    for (const Unreachable& one : report.unreachable)
        unreachable.push_back({{"node", one.node}, {"reason", one.reason}});
    Json differences = Json::array();
    for (const Difference& one : report.differences) {
        differences.push_back({{"database", or_null(one.database)},
                               {"kind", one.kind},
                               {"object", one.object},
                               {"key", or_null(one.key)},
                               {"node", one.node},
                               {"what", one.what}});
    }
    return {{"equal", report.is_equal()}, {"complete", report.is_complete}, {"nodes", report.nodes},
            {"unreachable", unreachable}, {"databases", report.databases},  {"tables", report.tables},
            {"rows", report.rows},        {"differences", differences},     {"notes", report.notes}};
}

}  // namespace pgpool::ctl::verify
