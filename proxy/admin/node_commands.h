// SPDX-License-Identifier: PostgreSQL
#pragma once

// PGPOOL ATTACH NODE and PGPOOL DETACH NODE: what an administrator decides about who is in, in mode
// replication. The decider does the work on a thread of its own; the client waits for it.

#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/session/shared.h"
#include "proxy/session/worker.h"

namespace pgpool::admin {

struct NodeCommand {
    std::string name;
    bool is_forced = false;
    std::string reason = {};  // empty: none was given
    friend bool operator==(const NodeCommand&, const NodeCommand&) = default;
};

// From what follows ATTACH or DETACH: NODE name [FORCE | REASON 'text']; the name may stand in double quotes.
// The text is UTF-8 of at most 500 bytes, since it is kept with the node. Pure.
[[nodiscard]] std::optional<NodeCommand> read_node_command(std::string_view text);

// `verb` is "attach" or "detach", `argument` what follows. REQUIRES: the asker is an administrator.
[[nodiscard]] session::OwnOutcome run_node_command(session::Worker& worker,
                                                   const session::ClientConnection& asker,
                                                   std::string_view verb, std::string_view argument);

// Threads: made and taken on the asker's; told on any.
class PendingDecision final : public session::PendingAnswer {
public:
    static constexpr milliseconds kPatience{60'000};

    explicit PendingDecision(std::string tag) : tag_(std::move(tag)) {}

    void decided(Result<std::string> what);
    [[nodiscard]] Result<exec::OwnResult> take() override;

private:
    const std::string tag_;
    std::mutex mutex_;  // guards all below
    std::optional<Result<std::string>> what_;
};

}  // namespace pgpool::admin
