// SPDX-License-Identifier: PostgreSQL
#include "watchdog/decide/evidence.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace pgpool::decide {

namespace {

bool is_life_sign(Finding finding) {
    switch (finding) {
        case Finding::Well:
        case Finding::Auth:
        case Finding::Busy:
        case Finding::ReplayStuck:
            return true;
        case Finding::Refused:
        case Finding::Silent:
        case Finding::Hung:
        case Finding::Starting:
        case Finding::Query:
        case Finding::SessionEnded:
            return false;
    }
    return false;
}

bool has_failed_long_enough(const Sighting& sighting, const EvidenceRules& rules, TimePoint now) {
    const Duration lasted = now - sighting.since;
    const bool by_any = now - sighting.failing_since >= rules.hung_after;
    switch (sighting.finding) {
        case Finding::Refused:
            return sighting.in_row >= rules.refused_in_row || by_any;
        case Finding::Silent:
            return (sighting.in_row >= rules.silent_in_row && lasted >= rules.silent_after) || by_any;
        case Finding::Hung:
            return by_any;
        case Finding::Starting:
            return lasted >= rules.starting_after;
        case Finding::Query:
            return lasted >= rules.query_after;
        case Finding::Well:
        case Finding::SessionEnded:
        case Finding::Auth:
        case Finding::Busy:
        case Finding::ReplayStuck:
            return false;
    }
    return false;
}

std::string seconds_text(Duration time) {
    return fmt::format("{:.1f} s", std::chrono::duration<double>(time).count());
}

std::string told(const Sighting& sighting, TimePoint now) {
    const std::string detail = sighting.detail.empty() ? "" : ": " + sighting.detail;
    return fmt::format("{} says {} for {}{}", sighting.member, to_string(sighting.finding),
                       seconds_text(now - sighting.since), detail);
}

void join(std::string& text, const std::string& more) {
    text += (text.empty() ? "" : "; ") + more;
}

std::string summary(const Judgement& judgement, std::size_t members) {
    if (judgement.asked == 0) return "no member has looked at it lately";
    if (judgement.asked < judgement.needed) {
        return fmt::format("{} members must agree, and only {} of {} can be asked", judgement.needed,
                           judgement.asked, members);
    }
    if (judgement.opinion == Opinion::Well)
        return fmt::format("{} of {} members reach it", judgement.asked, members);
    return fmt::format("{} of {} members hold it for gone, {} must", judgement.gone, judgement.asked,
                       judgement.needed);
}

}  // namespace

Finding finding_of(cluster::Reach reach) {
    switch (reach) {
        case cluster::Reach::Ok:
            return Finding::Well;
        case cluster::Reach::Refused:
            return Finding::Refused;
        case cluster::Reach::Unresolved:
        case cluster::Reach::Unreachable:
            return Finding::Silent;
        case cluster::Reach::Timeout:
            return Finding::Hung;
        case cluster::Reach::Auth:
            return Finding::Auth;
        case cluster::Reach::Startup:
            return Finding::Starting;
        case cluster::Reach::Query:
            return Finding::Query;
    }
    return Finding::Hung;
}

const Sighting* Evidence::find(std::string_view member, std::string_view node) const {
    const auto found = std::ranges::find_if(sightings, [&](const Sighting& sighting) {
        return sighting.member == member && sighting.node == node;
    });
    return found != sightings.end() ? &*found : nullptr;
}

void record(Evidence& evidence, const Report& report, TimePoint now) {
    auto found = std::ranges::find_if(evidence.sightings, [&](const Sighting& sighting) {
        return sighting.member == report.member && sighting.node == report.node;
    });
    if (found == evidence.sightings.end()) {
        Sighting fresh;
        fresh.member = report.member;
        fresh.node = report.node;
        found = evidence.sightings.insert(found, std::move(fresh));
    }
    Sighting& sighting = *found;
    const bool is_first = sighting.in_row == 0;
    if (is_first || is_life_sign(sighting.finding)) sighting.failing_since = now;
    if (is_first || sighting.finding != report.finding) {
        sighting.in_row = 0;
        sighting.since = now;
    }
    sighting.finding = report.finding;
    sighting.detail = report.detail;
    sighting.in_row += 1;
    sighting.last = now;
}

Opinion opinion_of(const Sighting& sighting, const EvidenceRules& rules, TimePoint now) {
    if (now - sighting.last > rules.stale_after) return Opinion::Unknown;
    if (is_life_sign(sighting.finding)) return Opinion::Well;
    return has_failed_long_enough(sighting, rules, now) ? Opinion::Gone : Opinion::Doubtful;
}

Judgement judge(const Evidence& evidence, std::string_view node, std::span<const std::string> members,
                const EvidenceRules& rules, TimePoint now) {
    Judgement judgement;
    judgement.node = node;
    std::string told_by;
    bool is_doubted = false;
    for (const std::string& member : members) {
        const Sighting* sighting = evidence.find(member, node);
        const Opinion opinion = sighting != nullptr ? opinion_of(*sighting, rules, now) : Opinion::Unknown;
        if (opinion == Opinion::Unknown) continue;
        judgement.asked += 1;
        judgement.gone += opinion == Opinion::Gone ? 1 : 0;
        is_doubted = is_doubted || opinion != Opinion::Well;
        judgement.is_stuck = judgement.is_stuck || sighting->finding == Finding::ReplayStuck;
        if (sighting->finding != Finding::Well) join(told_by, told(*sighting, now));
    }
    judgement.needed = rules.agree != 0 ? rules.agree : judgement.asked / 2 + 1;
    if (judgement.asked == 0) {
        judgement.opinion = Opinion::Unknown;
    } else if (judgement.gone >= judgement.needed) {
        judgement.opinion = Opinion::Gone;
    } else {
        judgement.opinion = is_doubted ? Opinion::Doubtful : Opinion::Well;
    }
    judgement.reason = summary(judgement, members.size());
    if (!told_by.empty()) judgement.reason += " (" + told_by + ")";
    return judgement;
}

const char* to_string(Finding finding) {
    switch (finding) {
        case Finding::Well:
            return "well";
        case Finding::Refused:
            return "refused";
        case Finding::Silent:
            return "silent";
        case Finding::Hung:
            return "hung";
        case Finding::Starting:
            return "starting";
        case Finding::Query:
            return "query failed";
        case Finding::SessionEnded:
            return "session ended";
        case Finding::Auth:
            return "login refused";
        case Finding::Busy:
            return "busy";
        case Finding::ReplayStuck:
            return "replay stuck";
    }
    return "?";
}

const char* to_string(Opinion opinion) {
    switch (opinion) {
        case Opinion::Unknown:
            return "unknown";
        case Opinion::Well:
            return "well";
        case Opinion::Doubtful:
            return "doubtful";
        case Opinion::Gone:
            return "gone";
    }
    return "?";
}

}  // namespace pgpool::decide
