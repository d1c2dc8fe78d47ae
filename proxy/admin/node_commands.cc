// SPDX-License-Identifier: PostgreSQL
#include "proxy/admin/node_commands.h"

#include <fmt/core.h>

#include <utility>
#include <vector>

#include "common/base/bytes.h"
#include "proxy/admin/gather.h"

namespace pgpool::admin {

namespace {

std::vector<std::string> words_of(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r\n\f\v";
    std::vector<std::string> words;
    while (true) {
        const std::size_t begin = text.find_first_not_of(kBlanks);
        if (begin == std::string_view::npos) return words;
        text.remove_prefix(begin);
        const std::size_t end = std::min(text.find_first_of(kBlanks), text.size());
        words.emplace_back(text.substr(0, end));
        text.remove_prefix(end);
    }
}

std::string unquoted(const std::string& word) {
    const bool is_quoted = word.size() >= 2 && word.front() == '"' && word.back() == '"';
    return is_quoted ? word.substr(1, word.size() - 2) : word;
}

session::OwnOutcome refused(SqlState sqlstate, std::string message) {
    return Result<exec::OwnResult>(fail(sqlstate, std::move(message)));
}

}  // namespace

std::optional<NodeCommand> read_node_command(std::string_view text) {
    const std::vector<std::string> words = words_of(text);
    if (words.size() < 2 || words.size() > 3 || to_lower_ascii(words[0]) != "node") return std::nullopt;
    NodeCommand command{unquoted(words[1]), words.size() == 3};
    const bool is_odd = command.is_forced && to_lower_ascii(words[2]) != "force";
    if (is_odd || command.name.empty()) return std::nullopt;
    return command;
}

session::OwnOutcome run_node_command(session::Worker& worker, const session::ClientConnection& asker,
                                     std::string_view verb, std::string_view argument) {
    const bool attaches = verb == "attach";
    const auto command = read_node_command(argument);
    if (!command || (command->is_forced && !attaches)) {
        return refused(sqlstate::kSyntaxError,
                       "usage: PGPOOL ATTACH NODE <name> [FORCE], PGPOOL DETACH NODE <name>");
    }
    session::Shared& shared = worker.shared();
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
        shared.decider->detach(command->name, fmt::format("detached by {}", asker.session()->login().user),
                               std::move(done));
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
