// SPDX-License-Identifier: PostgreSQL
#pragma once

// Spread: what a session in mode replication knows of its transaction on all nodes. Empty between
// transactions. The protocol is in nodes.cc and commit.cc.
//
// Invariants: (1) a follower gets a request only after the main node has executed it, so row locks are taken
// on main first; (2) main is told to commit only when every node that is in has executed the same with the
// same results, and carries the marker; (3) the client hears of a commit only when every node that is in has
// confirmed it; (4) where the others prepare, the slot is free again only when none of them can have the
// transaction prepared any more. Pure; one worker only.

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "proxy/exec/copied_request.h"
#include "proxy/exec/copy_dates.h"
#include "proxy/exec/filled_copy.h"
#include "proxy/exec/follower.h"
#include "proxy/exec/large_object_step.h"
#include "proxy/exec/row_images.h"
#include "proxy/exec/surroundings.h"
#include "proxy/exec/vacancy.h"
#include "proxy/route/plan.h"

namespace pgpool::exec {

// Why a request is refused though it might be replicated a moment later.
inline constexpr std::string_view kFactsAreLate =
    "the schema has changed, and could not be read anew in time";

// A statement, and what was thought of it.
struct Judged {
    sql::StatementInfoPtr info;
    route::ClassifiedPtr as;
    sql::CatalogFactsPtr by;       // these; as late as it is sent to main
    std::uint64_t code_begun = 0;  // commits of DDL that may replace code, until then
    std::uint64_t overtaken = 0;   // ... and until all had done it
};

struct Spread {
    enum class Phase : std::uint8_t {
        Open,        // main executes, the others follow
        Marking,     // all nodes are asked for the marker
        Marked,      // all have it
        Committing,  // main was told to commit
        Following,   // main has committed, the others were told to
        Evicting,    // all is done; a node that failed must be out before the client hears of it
        Undoing,     // all roll back
    };
    struct Done {
        CopiedRequest request;
        StepOutcome outcome;
        bool sets = false;
        std::optional<std::int64_t> opened;  // the descriptor, if that is all
    };
    struct Marker {
        PreparedPtr constraints;
        PreparedPtr mark;
        PreparedPtr mark_others;
        std::string values;  // its parameters
        std::string answer;  // to it, as text: anything else is not of our function
        std::uint64_t sequence = 0;
        std::string gid;  // under which the others prepare; empty: they do not
    };

    Phase phase = Phase::Open;
    bool is_joined = false;          // it has written, or is about to
    std::uint64_t joined_under = 0;  // the epoch: who comes in later does not follow
    std::vector<std::unique_ptr<Follower>> followers;
    std::vector<Judged> following;  // as `judged`: what main has done, and some other node may not have yet
    std::vector<Judged> unsure;     // ... of that, what some node did while the schema changed
    std::vector<Judged> unsure_behind_ddl;  // the same, by facts of its own: judged anew before what follows
    std::vector<Done> done;  // in order; savepoints and settings too, from the begin of the transaction
    std::size_t bytes = 0;   // of them
    bool keeps_all = true;   // `done` is all: it can be repaired, and done anew where it came out differently
    std::string doom;        // why the transaction cannot commit; empty: it can
    std::string refusal;     // ErrorResponse that the client gets for it, instead of one that tells `doom`
    route::NodeSet lost;     // followers that are gone since main was told to commit; with a marker
    route::NodeSet failed;   // nodes that must be out before the client hears
    route::NodeSet kept;     // followers that are gone since they have committed
    bool is_deadlock = false;         // `doom` is one, and is told as PostgreSQL tells it
    bool is_doomed_for_good = false;  // ... or it would be the same however often it is repeated
    bool is_ending = false;           // ... that was found by others: it is being undone
    TimePoint asked_at;               // since when a follower owes, if one does
    Duration main_took{};             // for all of it that the others do too; then for its COMMIT
    int times_late = 0;               // how often main was late with that

    // The request that main executes.
    bool copies = false;      // ... and the others are to follow
    std::string trial;        // why they cannot, if main is to say so first: it cannot do it either
    bool is_alone = false;    // a transaction of its own
    bool is_bare = false;     // ... that runs outside of transactions: each node by itself, without marker
    bool may_differ = false;  // ... and that may fail on a node without harm: VACUUM
    std::optional<std::string> index;  // ... as in Meaning
    std::string indexed;               // the same
    bool is_end = false;               // the client's COMMIT or ROLLBACK
    bool sets = false;                 // settings
    bool makes_savepoints = false;
    std::vector<Judged> judged;  // what it does that depends on the schema
    TimePoint sent_at;           // to main
    TimePoint executed_at;       // by main, the last one; not before it was
    std::size_t statements = 0;  // of its text
    struct Part {
        CopiedRequest::Execution execution;
        std::optional<RowImages> rows;                // that travel in its place
        std::optional<LargeObjectStep> large_object;  // the execution follows from what main answers
    };
    CopiedRequest copy;        // of a Query
    std::vector<Part> parts;   // of a batch what it executes; of a Query one, if its rows travel
    std::size_t answered = 0;  // of them, by main
    bool by_rows = false;      // parameters or classes make some travel
    bool is_proven = false;    // the others come to the same, or take rows; tags tell all that was written
    std::optional<CopiedRequest::Execution> locks;  // that the others take before it,
    std::vector<CopiedRequest::Execution>
        locks_at_main;              // and main, in its own way; those that are still to be sent
    bool locks_by_command = false;  // ... by LOCK TABLE
    bool is_described = false;      // what comes from main answers a Describe
    std::vector<std::pair<std::string, Part>> bound;  // by portal
    StepOutcome outcome;
    bool copies_in = false;  // a COPY FROM STDIN: its data goes to all nodes
    bool streams = false;    // ... and has not ended
    CopyDates copy_dates;    // of the data, where they are looked for
    bool looks_for_dates = false;
    std::optional<FilledCopy> filled;  // ... with what main alone has filled in
    bool is_point = false;             // changes one row at most
    bool awaits_follower = false;      // a connection for the next one

    bool opens_for_writing = false;  // large objects: where their descriptors stand matters from then on

    bool draws = false;  // from sequences, on main at least
    // Sequences that were called by name: they follow main's before the marker.
    std::vector<std::string> moved;
    std::set<std::string> set;           // of `moved`, those that setval() may have set back
    std::vector<std::string> positions;  // of `moved`, as main tells them
    bool are_positions_asked = false;

    Vacating vacating;  // databases that must have no sessions until the end

    // What must be the same everywhere before the marker: the rows of materialized views; the names of what
    // it has made, if the servers may have found some themselves.
    std::vector<std::string> refreshed;
    bool finds_names = false;
    bool are_digests_asked = false;

    // The commit.
    std::uint32_t slot = kNoSlot;
    std::uint64_t epoch = 0;
    std::uint32_t main_owes = 0;  // answers to what is ours
    bool main_marked = false;     // with the right epoch
    bool holds = false;           // what the client gets is kept until the commit is certain
    std::string held;
    std::string main_error;                 // ErrorResponse body of main to something of ours
    std::optional<Marker> marker;           // that main was asked for
    bool is_marker_sent = false;            // to the others too
    bool awaits_markers = false;            // of the epoch in force, on some node
    std::optional<TimePoint> others_until;  // the COMMIT waits for the keeper or for facts
    std::optional<DdlCommit> ddl_commit;
    DdlWatch watch;               // of others' commits of DDL
    DdlWatch shared_watch;        // ... of what all databases share; of statements that change such
    bool changes_shared = false;  // it has some of these
    bool changes_code = false;    // it may replace a function or a type
    bool main_is_lost = false;
    NodeId main;               // that was told to commit
    bool is_left = false;      // on a node that is gone it may be prepared
    TimePoint evicting_until;  // the client does not wait longer for the decision

    static constexpr std::uint32_t kNoSlot = UINT32_MAX;

    // The others were asked to prepare: what they have does not end with their connections.
    [[nodiscard]] bool prepares() const { return is_marker_sent && marker && !marker->gid.empty(); }
    // Also without its client.
    [[nodiscard]] bool must_finish() const {
        const bool ends = phase == Phase::Committing || phase == Phase::Following ||
                          phase == Phase::Evicting || phase == Phase::Undoing;
        return ends || (prepares() && phase != Phase::Open);
    }
};

}  // namespace pgpool::exec
