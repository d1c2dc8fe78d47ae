// SPDX-License-Identifier: PostgreSQL
#pragma once

// ReplyChecker: whether what a client receives is a sequence that PostgreSQL could have sent, given what the
// client has sent (PG documentation 55.2). It knows nothing of SQL: any command may succeed, fail, return
// rows or copy.
//
// It is the oracle of scripts with faults and of the session fuzzer: every Query, FunctionCall and Sync gets
// exactly one ReadyForQuery, each message of the extended protocol its own answer in its turn, an error skips
// up to the next Sync, nothing follows a FATAL error.

#include <deque>
#include <string>

#include "common/wire/decoder.h"

namespace pgpool::support {

class ReplyChecker {
public:
    // Both take whole messages in the order in which they pass by; the first one after the login. An empty
    // string, or what is wrong.
    void sent(const wire::Frame& frame);
    [[nodiscard]] std::string received(const wire::Frame& frame);

    [[nodiscard]] std::size_t owed_ready() const;  // ReadyForQuery messages that must still come
    [[nodiscard]] bool fatal() const { return fatal_; }
    [[nodiscard]] bool wants_copy_data() const { return copy_in_; }
    [[nodiscard]] bool awaits_sync() const { return skipping_ || unsynced_; }
    [[nodiscard]] char status() const { return status_; }

private:
    struct Owed {
        char type = 0;              // of the client's message; for Describe 'D' (statement) or 'p' (portal)
        bool has_answered = false;  // something of its answer has come: rows, a 't', an error
        bool has_failed = false;
    };

    void queue(char type);
    [[nodiscard]] std::string on_error(bool fatal);
    [[nodiscard]] std::string on_ready(char status);
    [[nodiscard]] bool ready_is_due() const;
    [[nodiscard]] std::string on_query_answer(char type, Owed& head);
    [[nodiscard]] std::string on_extended_answer(char type, Owed& head);
    [[nodiscard]] std::string on_execute_answer(char type, Owed& head);
    void begin_copy_in();
    [[nodiscard]] std::string unexpected(char type) const;

    std::deque<Owed> owed_;  // copy messages are in it too: they may be sent before the server asks for them
    // Syncs that were sent among the data of a COPY. The server ignores them, unless an error has ended the
    // COPY before they came there: then each may be answered, behind the error.
    unsigned syncs_in_copy_ = 0;
    unsigned late_syncs_ = 0;
    bool skipping_ = false;  // an error has come and the Sync was not sent yet
    bool unsynced_ = false;  // messages of the extended protocol were sent without their Sync
    bool copy_in_ = false;
    bool copy_out_ = false;
    bool fatal_ = false;
    char status_ = 'I';
};

}  // namespace pgpool::support
