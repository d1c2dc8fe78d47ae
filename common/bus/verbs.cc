// SPDX-License-Identifier: PostgreSQL
#include "common/bus/verbs.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <vector>

namespace pgpool::bus {

namespace {

using Words = std::vector<std::string>;
using Parsed = std::optional<Request>;

std::optional<std::uint32_t> number(const std::string& word) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
    return value;
}

std::string word_at(const Words& words, std::size_t index) {
    return index < words.size() ? words[index] : std::string();
}

Parsed status(const Words&) {
    return request::Status{};
}

Parsed why(const Words& words) {
    if (words.empty()) return request::Why{};
    const auto count = number(words[0]);
    return count ? Parsed(request::Why{*count}) : std::nullopt;
}

Parsed log(const Words&) {
    return request::Log{};
}

Parsed promote(const Words& words) {
    if (words.size() == 2 && words[1] != "force") return std::nullopt;
    return request::Promote{words[0], words.size() == 2};
}

Parsed switchover(const Words& words) {
    return request::Switchover{word_at(words, 0)};
}

Parsed attach(const Words& words) {
    return request::Attach{words[0]};
}

Parsed detach(const Words& words) {
    return request::Detach{words[0], word_at(words, 1)};
}

template <typename Spell>
Parsed on_or_off(const Words& words, seconds longest) {
    if (words.size() == 1 && words[0] == "off") return Spell{};
    if (words.size() != 3 || words[0] != "on" || words[2].empty()) return std::nullopt;
    const auto count = number(words[1]);
    if (!count || *count == 0 || *count > longest.count()) return std::nullopt;
    return Spell{seconds(*count), words[2]};
}

Parsed maintenance(const Words& words) {
    return on_or_off<request::Maintenance>(words, kLongestMaintenance);
}

Parsed pause(const Words& words) {
    return on_or_off<request::Pause>(words, kLongestPause);
}

Parsed lease(const Words& words) {
    using Verb = request::Lease::Verb;
    if (words[0] == "release") return request::Lease{Verb::Release};
    if (words[0] == "force") return request::Lease{Verb::Force};
    return std::nullopt;
}

Parsed vip(const Words& words) {
    if (words[0] != "move") return std::nullopt;
    return request::MoveVip{word_at(words, 1)};
}

Parsed reload(const Words&) {
    return request::Reload{};
}

struct Verb {
    std::string_view name;
    std::size_t least;
    std::size_t most;
    Parsed (*parse)(const Words& words);
    std::string_view usage;
};

// In the order of Request.
constexpr std::array<Verb, std::variant_size_v<Request>> kVerbs{{
    {"status", 0, 0, status, "no arguments"},
    {"why", 0, 1, why, "[COUNT]"},
    {"log", 0, 0, log, "no arguments"},
    {"promote", 1, 2, promote, "NODE [force]"},
    {"switchover", 0, 1, switchover, "[NODE]"},
    {"attach", 1, 1, attach, "NODE"},
    {"detach", 1, 2, detach, "NODE [REASON]"},
    {"maintenance", 1, 3, maintenance, "on SECONDS REASON (a week at most), or off"},
    {"pause", 1, 3, pause, "on SECONDS REASON (an hour at most), or off"},
    {"lease", 1, 1, lease, "release or force"},
    {"vip", 1, 2, vip, "move [MEMBER]"},
    {"reload", 0, 0, reload, "no arguments"},
}};

Words optional_word(const std::string& word) {
    return word.empty() ? Words{} : Words{word};
}

Words words_of(const request::Status&) {
    return {};
}
Words words_of(const request::Why& why) {
    return {std::to_string(why.count)};
}
Words words_of(const request::Log&) {
    return {};
}
Words words_of(const request::Promote& promote) {
    return promote.is_forced ? Words{promote.node, "force"} : Words{promote.node};
}
Words words_of(const request::Switchover& switchover) {
    return optional_word(switchover.node);
}
Words words_of(const request::Attach& attach) {
    return {attach.node};
}
Words words_of(const request::Detach& detach) {
    return detach.reason.empty() ? Words{detach.node} : Words{detach.node, detach.reason};
}
Words on_or_off(seconds duration, const std::string& reason) {
    if (duration == seconds(0)) return {"off"};
    return {"on", std::to_string(duration.count()), reason};
}
Words words_of(const request::Maintenance& maintenance) {
    return on_or_off(maintenance.duration, maintenance.reason);
}
Words words_of(const request::Pause& pause) {
    return on_or_off(pause.duration, pause.reason);
}
Words words_of(const request::Lease& lease) {
    return {lease.verb == request::Lease::Verb::Force ? "force" : "release"};
}
Words words_of(const request::MoveVip& vip) {
    return vip.member.empty() ? Words{"move"} : Words{"move", vip.member};
}
Words words_of(const request::Reload&) {
    return {};
}

std::string names() {
    std::string text;
    for (const Verb& verb : kVerbs) text += fmt::format("{}{}", text.empty() ? "" : ", ", verb.name);
    return text;
}

}  // namespace

Result<Request> request_of(const Command& command) {
    const auto* const verb = std::ranges::find(kVerbs, command.verb, &Verb::name);
    if (verb == kVerbs.end()) {
        return tl::unexpected(Error{fmt::format("no command \"{}\"", command.verb), sqlstate::kSyntaxError,
                                    "there are: " + names()});
    }
    const std::size_t count = command.arguments.size();
    Parsed parsed = count < verb->least || count > verb->most ? std::nullopt : verb->parse(command.arguments);
    if (!parsed) {
        return tl::unexpected(Error{fmt::format("wrong arguments of \"{}\"", verb->name),
                                    sqlstate::kSyntaxError, fmt::format("it takes {}", verb->usage)});
    }
    return *std::move(parsed);
}

Command command_of(const Request& request, std::uint64_t id) {
    return {.id = id,
            .verb = std::string(kVerbs.at(request.index()).name),
            .arguments = std::visit([](const auto& what) { return words_of(what); }, request)};
}

bool is_for_any_member(const Request& request) {
    return std::holds_alternative<request::Status>(request) ||
           std::holds_alternative<request::Why>(request) || std::holds_alternative<request::Log>(request) ||
           std::holds_alternative<request::Reload>(request);
}

}  // namespace pgpool::bus
