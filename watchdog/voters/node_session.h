// SPDX-License-Identifier: PostgreSQL
#pragma once

// NodeSession: one lease session at a node: an asynchronous libpq connection that is asked one question at a
// time.
//
// A question is a few statements, each sent after the answer of the one before (never pipelined: a dangerous
// command must not wait in the server behind another). A command comes first, and what is to be recorded
// after it, since the bound of when it may take effect counts from the question. The last is the probe.
// Nothing here waits: the owner polls fd() for events() and calls proceed(). No name is looked up: the
// address is numeric.
// Threads: one.

#include <deque>
#include <string>
#include <variant>
#include <vector>

#include "common/pg/libpq.h"
#include "watchdog/lease/events.h"
#include "watchdog/lease/parameters.h"
#include "watchdog/voters/command.h"
#include "watchdog/voters/node_observation.h"

namespace pgpool::voters {

class NodeSession {
public:
    struct Opened {};
    struct Answered {
        lease::Answer answer;
    };
    struct Observed {
        NodeObservation observation;
    };
    struct Ran {
        lease::CommandId command;
        CommandOutcome outcome;
    };
    struct NotRecorded {  // the answer comes all the same, with the epoch that is there
        std::string reason;
    };
    struct Failed {  // the session is over
        std::string reason;
    };
    using Happening = std::variant<Opened, Answered, Observed, Ran, NotRecorded, Failed>;

    NodeSession(pg::ConnectParams params, const std::string& address, const lease::Parameters& parameters);

    // REQUIRES: it is open, and the last question is answered. `command`: of a question of kind Run.
    void ask(const lease::Question& question, Command command);

    [[nodiscard]] bool is_connected() const { return connecting_ == PGRES_POLLING_OK; }
    [[nodiscard]] int fd() const { return ::PQsocket(connection_.get()); }
    [[nodiscard]] short events() const;  // of poll(2)
    // What can be done now. After Failed it is of no more use.
    [[nodiscard]] std::vector<Happening> proceed();

private:
    enum class Step : std::uint8_t { Setup, Rights, Lock, Command, Record, Probe };

    void connect_further();
    void send_next();
    void send(Step step);
    [[nodiscard]] std::string text_of(Step step) const;
    void read();
    void finished(Step step, const pg::ClientResult<pg::Rows>& outcome);
    void was_set_up(const pg::Rows& rows);
    void was_locked(const pg::Rows& rows);
    void was_run(const pg::ClientResult<pg::Rows>& outcome);
    void was_probed(const pg::Rows& rows);
    void fail(std::string reason);

    pg::ConnectParams params_;
    lease::Parameters parameters_;
    pg::ConnectionHandle connection_;
    PostgresPollingStatusType connecting_ = PGRES_POLLING_WRITING;  // OK: it is connected
    std::deque<Step> steps_;                                        // of the question; the first is under way
    bool is_unsent_ = false;  // libpq has bytes that the socket does not take yet
    pg::ClientResult<pg::Rows> result_;
    lease::Question question_;
    Command command_;
    bool has_lock_ = false;
    Epoch recorded_{};
    BootTime sent_ = lease::kNever;
    std::vector<Happening> happenings_;
};

}  // namespace pgpool::voters
