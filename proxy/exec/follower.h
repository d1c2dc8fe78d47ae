// SPDX-License-Identifier: PostgreSQL
#pragma once

// Follower: one of the other nodes in a replicated transaction. It executes what the main node has executed,
// and notes whether it came to the same result: the same command tags (and so the same counts), the same
// SQLSTATEs.
//
// What is sent is a series of steps, each ended by a ReadyForQuery; the results of steps are compared when
// that comes. Pure: what is to be sent is put into a string, the shell's connection is only named. Threads:
// one worker only.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/error.h"
#include "common/wire/decoder.h"
#include "proxy/exec/copied_request.h"
#include "proxy/exec/name_values.h"
#include "proxy/exec/prepared_branch.h"
#include "proxy/exec/server_link.h"

namespace pgpool::exec {

// What a node has answered to one step: its command tags and the SQLSTATEs of its errors, in order.
class StepOutcome {
public:
    void add_tag(std::string_view tag) { append(tag); }
    void add_error(std::string_view sqlstate) { append("!", sqlstate); }
    void add_suspended() { is_open_ = true; }
    [[nodiscard]] bool failed() const { return text_.find('!') != std::string::npos; }
    [[nodiscard]] bool failed_with(SqlState state) const {
        return text_.ends_with("!" + std::string(state.view()));
    }
    // One that was only fetched in part tells no count.
    [[nodiscard]] bool equals(const StepOutcome& other) const {
        return is_open_ || other.is_open_ || text_ == other.text_;
    }
    [[nodiscard]] bool is_open() const { return is_open_; }
    [[nodiscard]] const std::string& text() const { return text_; }  // "UPDATE 1; !23505"

private:
    void append(std::string_view first, std::string_view second = {}) {
        if (!text_.empty()) text_ += "; ";
        text_.append(first).append(second);
    }
    std::string text_;
    bool is_open_ = false;
};

class Follower {
public:
    explicit Follower(ServerLink& the_link) : link(&the_link) {}

    ServerLink* link;

    // Of a Bind without parameters, which takes its result as text.
    static constexpr std::string_view kNoValues{"\0\0\0\0\0\0", 6};

    // Steps: appended to `out`, which the caller sends.
    void run(std::string& out, std::string_view sql);  // something of ours that must succeed
    // BEGIN, as messages in front of the next step, without a Sync between them: if it fails the server skips
    // all up to the next Sync. What comes behind that is held back until it has succeeded, see hold_back().
    void begin(std::string& out, const PreparedPtr& begin);
    // The end of the transaction, or of what was prepared of it.
    void commit(std::string& out);
    void undo(std::string& out);
    // Ends the transaction, to begin anew once `settle` has run. REQUIRES: it owes nothing.
    void roll_back(std::string& out, const PreparedPtr& settle, std::string_view settle_values);
    enum class Next : std::uint8_t { Anything, Mark };  // Mark: that comes at once, and they share a Sync
    void repeat(std::string& out, const CopiedRequest& request, const StepOutcome& expected,
                Next next = Next::Anything);
    // What clients have prepared there under their own names makes room for what this one has.
    void forget_names(std::string& out);
    // A COPY FROM STDIN, whose data the caller sends behind it; main's result comes by expect().
    void begin_copy(std::string& out, std::string_view sql);
    void expect(const StepOutcome& expected);
    // With the marker; `marked()` tells whether `answer` came of it. With a gid, behind it the transaction is
    // prepared.
    void mark(std::string& out, const PreparedPtr& constraints, const PreparedPtr& mark,
              std::string_view mark_values, std::string_view answer, std::string_view gid = {});

    // Bytes of its connection; returns how many are done with.
    [[nodiscard]] std::size_t on_bytes(ByteView bytes, NameValuesTable& names);

    // True: BEGIN is not answered yet and a Sync was sent, `steps` are kept; take_held() gives them when they
    // may be sent. REQUIRES: only the last of them ends with a Sync.
    [[nodiscard]] bool hold_back(std::string_view steps);
    [[nodiscard]] std::string take_held();
    // Drops what was not sent, and the steps that were to answer it. True: something was.
    bool forget_held();

    [[nodiscard]] bool owes() const { return !steps_.empty(); }
    [[nodiscard]] bool marked() const {
        return marked_ && !branch_.is_asked();
    }  // and prepared, if it is to be
    [[nodiscard]] bool is_prepared() const { return branch_.is_prepared(); }
    [[nodiscard]] bool may_be_left_prepared() const { return branch_.may_be_left(); }
    // ErrorResponse body of a PREPARE TRANSACTION that would fail again; empty: there was none.
    [[nodiscard]] const std::string& unpreparable() const { return unpreparable_; }
    // How it came to another result than the main node; empty: it did not.
    [[nodiscard]] const std::string& difference() const { return difference_; }
    // ... by which SQLSTATE, if an error was the last one.
    [[nodiscard]] const std::string& differs_by() const { return differs_by_; }
    // What is outside of transactions is done once more.
    void try_again() {
        difference_.clear();
        ++begun_anew;
    }
    // ... because its node has ended a deadlock there at its cost.
    [[nodiscard]] bool met_deadlock() const { return met_deadlock_; }
    // What it says, where it cannot be a matter of time alone: the same error of its rights or features with
    // every attempt. Empty: it is another matter. What its data or constraints say (22, 23) is one: main has
    // executed it earlier, rows that it did not see may have come with every attempt.
    [[nodiscard]] std::string_view refusal() const;
    // Session settings were changed within the transaction, or a step has failed: the connection is reset
    // before others get it.
    bool needs_reset = false;
    bool tidies = false;  // outside of transactions: what failed is being cleared away, before it is repeated
    bool has_begun = false;     // the transaction
    int begun_anew = 0;         // how often, after a difference
    bool is_cancelled = false;  // a cancel request is on its way: the connection is not used again

private:
    enum class Kind : std::uint8_t { Own, Copy, Mark };
    struct Step {
        Kind kind = Kind::Own;
        std::optional<StepOutcome> expected;  // none: it must not fail
        bool is_open = false;                 // what is expected follows
        bool begins = false;                  // BEGIN stands in front of it
        bool has_sync = false;                // else it is a Query
        bool settles = false;                 // waits for those that are committing there
        bool prepares = false;                // statements that the connection lacked
        bool ends_branch = false;             // commits or rolls back what is prepared
        std::optional<StepOutcome> result;    // it has ended before that
    };

    void begin_step(Step step);
    void end_with_sync(std::string& out, Step step);
    void execute(std::string& out, const PreparedPtr& statement, std::string_view values);
    void execute_once(std::string& out, std::string_view sql);
    void ensure_prepared(std::string& out, const PreparedPtr& statement);
    [[nodiscard]] std::string end_of_transaction(std::string_view verb);
    void prepare_transaction(std::string& out, std::string_view gid);
    void on_mark_error(ByteView body, std::string_view sqlstate);
    void on_frame(const wire::Frame& frame, NameValuesTable& names);
    void on_tag(std::string_view tag);
    void on_data_row(const wire::Frame& frame);
    void on_error(ByteView body);
    void on_begin_failed(const std::string& error);
    void lose_track();
    void end_step();
    void compare(const Step& step, const StepOutcome& result);

    std::deque<Step> steps_;
    StepOutcome outcome_;        // of the step at the front
    std::string last_error_;     // its message
    std::string last_state_;     // and SQLSTATE
    std::string differs_by_;     // SQLSTATE of the last difference; empty: none
    bool is_settled_ = false;    // nobody was committing there when it began anew
    bool differs_alike_ = true;  // with every attempt, and not because it was early
    std::string difference_;
    bool met_deadlock_ = false;
    bool marked_ = false;
    std::string answer_;  // of the marker, as text
    PreparedBranch branch_;
    std::string unpreparable_;
    bool has_lost_track_ = false;             // of the statements that the connection has
    bool prepares_ = false;                   // the step that is being made
    bool begins_ = false;                     // BEGIN stands in front of it
    bool ends_branch_ = false;                // it commits or rolls back what is prepared
    std::optional<StepOutcome> shares_sync_;  // expected of executions that the marker follows at once
    bool awaits_begin_ = false;
    bool begin_failed_ = false;
    bool is_synced_ = false;      // a Sync was sent behind BEGIN
    bool makes_sync_ = false;     // what was made and not sent yet has one
    std::size_t steps_held_ = 0;  // of steps_, at the end: not sent yet
    std::string held_;
};

}  // namespace pgpool::exec
