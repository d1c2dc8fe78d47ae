// SPDX-License-Identifier: PostgreSQL
#include "proxy/admin/node_commands.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "common/base/bytes.h"
#include "common/base/utf8.h"
#include "proxy/admin/gather.h"

namespace pgpool::admin {

namespace {

constexpr std::string_view kUsage =
    "usage: PGPOOL ATTACH NODE <name> [FORCE], PGPOOL DETACH NODE <name> [REASON '<text>']";
constexpr std::string_view kBlanks = " \t\r\n\f\v";
constexpr std::size_t kLongestReason = 500;

// Takes the first word off `text`; empty: there is none.
std::string_view take_word(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
    const std::string_view word = text.substr(0, text.find_first_of(kBlanks));
    text.remove_prefix(word.size());
    return word;
}

std::string_view unquoted(std::string_view word) {
    const bool is_quoted = word.size() >= 2 && word.front() == '"' && word.back() == '"';
    return is_quoted ? word.substr(1, word.size() - 2) : word;
}

bool is_fit_to_keep(std::string_view text) {
    if (text.empty() || text.size() > kLongestReason) return false;
    while (!text.empty()) {
        const std::size_t size = utf8_character(text);
        if (size == 0) return false;
        text.remove_prefix(size);
    }
    return true;
}

// 'text', in which a quote is doubled, and nothing else.
std::optional<std::string> read_literal(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
    text = text.substr(0, text.find_last_not_of(kBlanks) + 1);
    if (text.size() < 2 || text.front() != '\'' || text.back() != '\'') return std::nullopt;
    text = text.substr(1, text.size() - 2);
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\'' && (++i == text.size() || text[i] != '\'')) return std::nullopt;
        out += text[i];
    }
    return out;
}

session::OwnOutcome refused(SqlState sqlstate, std::string message) {
    return Result<exec::OwnResult>(fail(sqlstate, std::move(message)));
}

}  // namespace

std::optional<NodeCommand> read_node_command(std::string_view text) {
    if (to_lower_ascii(take_word(text)) != "node") return std::nullopt;
    NodeCommand command{std::string(unquoted(take_word(text)))};
    if (command.name.empty()) return std::nullopt;
    const std::string more = to_lower_ascii(take_word(text));
    if (more == "reason") {
        const auto reason = read_literal(text);
        if (!reason || !is_fit_to_keep(*reason)) return std::nullopt;
        command.reason = *reason;
        return command;
    }
    command.is_forced = more == "force";
    const bool is_odd = !more.empty() && !command.is_forced;
    if (is_odd || !take_word(text).empty()) return std::nullopt;
    return command;
}

session::OwnOutcome run_node_command(session::Worker& worker, const session::ClientConnection& asker,
                                     std::string_view verb, std::string_view argument) {
    const bool attaches = verb == "attach";
    const auto command = read_node_command(argument);
    if (!command || (attaches ? !command->reason.empty() : command->is_forced))
        return refused(sqlstate::kSyntaxError, std::string(kUsage));
    session::Shared& shared = worker.shared();
    if (shared.decider == nullptr && shared.watchdog) {
        return refused(sqlstate::kFeatureNotSupported,
                       fmt::format("the watchdog decides which nodes are in: pgpool-ctl node {} {}", verb,
                                   command->name));
    }
    if (shared.decider == nullptr) {
        return refused(sqlstate::kFeatureNotSupported,
                       "nodes are attached and detached in mode replication only (parameter mode)");
    }
    auto pending = std::make_shared<PendingDecision>(attaches ? "ATTACH" : "DETACH");
    auto done = [&shared, pending, client = asker.id(), home = worker.index()](Result<std::string> what) {
        pending->decided(std::move(what));
        tell_asker(shared, home, client, pending);
    };
    if (attaches) {
        const auto proof = command->is_forced ? cluster::Proof::Operator : cluster::Proof::None;
        shared.decider->attach(command->name, proof, std::move(done));
    } else {
        std::string reason = fmt::format("detached by {}", asker.session()->login().user);
        if (!command->reason.empty()) reason += ": " + command->reason;
        shared.decider->detach(command->name, std::move(reason), std::move(done));
    }
    return session::Promise{std::move(pending), PendingDecision::kPatience};
}

void PendingDecision::decided(Result<std::string> what) {
    const std::lock_guard lock(mutex_);
    what_ = std::move(what);
}

Result<exec::OwnResult> PendingDecision::take() {
    const std::lock_guard lock(mutex_);
    if (what_ && !*what_) return tl::unexpected(what_->error());
    exec::OwnResult result;
    result.tag = tag_;
    result.notice = what_ ? **what_ : "it goes on; the log tells what comes of it";
    return result;
}

}  // namespace pgpool::admin
