// SPDX-License-Identifier: PostgreSQL
#pragma once

// ReplyQueue: what one server connection still owes, in the order in which PostgreSQL will answer, and what
// to do with each answer. It is the heart of pipelining, of prepared statements under other names, and of
// messages that we add.
//
// Rules (PG documentation 55.2.3): every message sent has one entry; an ErrorResponse to a message of the
// extended protocol makes the server skip everything up to the next Sync, so skip_to_sync() takes those
// entries out and the caller undoes what they promised. No memory is taken once the ring has its size. Pure;
// one worker only.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "proxy/exec/prepared.h"
#include "proxy/sql/statement.h"

namespace pgpool::exec {

enum class Owed : std::uint8_t {
    Parse,              // 1
    Bind,               // 2
    Close,              // 3
    DescribeStatement,  // t, then T or n
    DescribePortal,     // T or n
    Execute,            // rows, then C, I or s; or a COPY
    Sync,               // Z
    Query,              // anything, then Z
    FunctionCall,       // V, then Z
    CopyEnd,            // no answer: CopyDone or CopyFail went by here
};

enum class Deliver : std::uint8_t {
    Forward,     // the client asked
    Swallow,     // we asked
    Synthesize,  // the client asked, no server was needed: the answer is made when its turn comes
};

// What an answer to a message of ours means.
enum class Purpose : std::uint8_t {
    Client,
    Begin,
    Replay,
    Restore,
    Cleanup,
    Prepare,
    Check,
    Lock,      // tables that a replicated statement reads or writes
    Mark,      // the marker of a replicated transaction
    Position,  // where sequences of main are
    OwnFacts,  // what the transaction sees in the catalogs
    End,       // COMMIT or ROLLBACK of one
    Copy       // at another node than main
};

// What a request does: with others on the way, it counts when the turn of its entries comes.
struct Marks {
    bool begins = false;
    bool commits = false;
    bool rolls_back = false;  // a whole transaction
    bool writes = false;
    bool is_ddl = false;
    bool changes_logins = false;  // settings of roles or databases
    bool changes_settings = false;
};

struct Expected {
    Owed owed = Owed::Query;
    Deliver deliver = Deliver::Forward;
    Purpose purpose = Purpose::Client;
    bool undo_client = false;                   // an entry of the client's undo list belongs to it
    bool claims_unnamed = false;                // Parse or Close of the unnamed statement
    bool under_own_name = false;                // `statement` is known there by the client's name for it
    Marks marks;                                // of the request that it belongs to
    sql::Leaves leaves = sql::Leaves::Nothing;  // on the first entry of the request
    PreparedPtr statement;                      // what the server connection gains, or loses by a Close
    sql::StatementInfoPtr info;                 // Query, Execute: whose effects come true
    sql::StatementInfoPtr executes;             // what an EXECUTE means now; later the name may mean another
    std::string client_name;                    // of the statement, if the server knows it by ours
    // The unnamed statement that this message replaces: it stays if the server skips the message.
    std::shared_ptr<const ClientUnnamed> unnamed_before;

    [[nodiscard]] bool ends_batch() const {
        return owed == Owed::Sync || owed == Owed::Query || owed == Owed::FunctionCall;
    }
    [[nodiscard]] bool is_answered_here() const {
        return deliver == Deliver::Synthesize || owed == Owed::CopyEnd;
    }
    // The client's Parse of a name that it has given before, sent as it is.
    [[nodiscard]] bool is_taken_parse() const { return under_own_name && deliver == Deliver::Forward; }
};

class ReplyQueue {
public:
    ReplyQueue() : ring_(8) {}

    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] Expected& head() { return ring_[first_]; }  // REQUIRES: !empty()
    [[nodiscard]] Expected& at(std::size_t i) { return ring_[(first_ + i) & (ring_.size() - 1)]; }

    void mark(Marks marks) { marks_ = marks; }  // what is pushed from here on
    // Something that runs on the way may change what a text means, by a setting or in the schema. What is
    // answered counts until nothing is owed.
    [[nodiscard]] bool changes_meaning() const { return changes_meaning_; }
    Expected& push(Owed owed, Deliver deliver = Deliver::Forward, Purpose purpose = Purpose::Client);
    void leave(Expected& first, sql::Leaves leaves);  // what the request that begins with it may leave behind
    // What requests on the way may leave behind. Those that are answered count until nothing is owed.
    [[nodiscard]] sql::Leaves leaves() const { return leaves_; }
    void pop();
    void clear();

    // The first that is so; null: none.
    template <typename Predicate>
    [[nodiscard]] Expected* find(Predicate is_so) {
        for (std::size_t i = 0; i < size_; ++i) {
            if (is_so(at(i))) return &at(i);
        }
        return nullptr;
    }
    // An error of a message before the last one would make the server skip that too, and a Query of ours that
    // stands between them. REQUIRES: !empty()
    [[nodiscard]] bool may_skip_last();

    // Removes entries up to (not including) the first Sync, oldest first, giving each to `undo`.
    template <typename Undo>
    void skip_to_sync(Undo undo) {
        while (size_ > 0 && head().owed != Owed::Sync) {
            undo(head());
            pop();
        }
    }
    // A COPY FROM STDIN has begun: the server ignores every Sync that was sent before the end of the copied
    // data.
    void drop_syncs_before_copy_end();

    // Nothing on the way that could fail: only answers that are made here, or to messages of ours, stand
    // before a new entry.
    [[nodiscard]] bool answered() const { return forwarded_ == 0; }
    // True while the server must still answer something that is forwarded to the client.
    [[nodiscard]] bool owes_client() const { return forwarded_ > 0; }

private:
    void grow();

    std::vector<Expected> ring_;  // size is a power of two
    std::size_t first_ = 0;
    std::size_t size_ = 0;
    std::size_t forwarded_ = 0;  // entries that end with a ReadyForQuery for the client
    Marks marks_;
    bool changes_meaning_ = false;
    sql::Leaves leaves_ = sql::Leaves::Nothing;
};

}  // namespace pgpool::exec
