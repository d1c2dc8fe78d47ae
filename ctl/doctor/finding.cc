// SPDX-License-Identifier: PostgreSQL
#include "ctl/doctor/finding.h"

#include <fmt/core.h>

#include <algorithm>

namespace pgpool::ctl {

namespace {

const char* name_of(Level level) {
    switch (level) {
        case Level::Ok:
            return "OK";
        case Level::Warn:
            return "WARN";
        case Level::Fail:
            break;
    }
    return "FAIL";
}

std::ptrdiff_t count_of(const Findings& findings, Level level) {
    return std::count_if(findings.begin(), findings.end(),
                         [level](const Finding& finding) { return finding.level == level; });
}

}  // namespace

std::string findings_text(const Findings& findings) {
    std::string text;
    for (const Finding& finding : findings) {
        text += fmt::format("{:<4}  {:<13}  {}\n", name_of(finding.level), finding.topic, finding.text);
        if (!finding.remedy.empty()) text += fmt::format("{:21}-> {}\n", "", finding.remedy);
    }
    return text + fmt::format("\n{} OK, {} WARN, {} FAIL\n", count_of(findings, Level::Ok),
                              count_of(findings, Level::Warn), count_of(findings, Level::Fail));
}

Json findings_json(const Findings& findings) {
    Json list = Json::array();
    for (const Finding& finding : findings) {
        list.push_back({{"level", name_of(finding.level)},
                        {"topic", finding.topic},
                        {"text", finding.text},
                        {"remedy", finding.remedy.empty() ? Json() : Json(finding.remedy)}});
    }
    return {{"well", !has_failure(findings)}, {"findings", list}};
}

bool has_failure(const Findings& findings) {
    return count_of(findings, Level::Fail) > 0;
}

}  // namespace pgpool::ctl
