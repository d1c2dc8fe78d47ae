// SPDX-License-Identifier: PostgreSQL
#pragma once

// Session: one client after its login, as a state machine without IO. Bytes of the client and of its server
// connection come in, Effects go out. Simple and extended protocol share one path: both are a Request, get a
// plan, and are executed.
//
// Where to find what:
//   session.cc     life of the session, pump(): the loop over the client's bytes
//   gather.cc      client bytes -> Request
//   dispatch.cc    Request -> plan -> server connection, or an answer of our own
//   emit.cc        the messages of a request, renamed and completed for that server connection
//   replies.cc     server bytes -> client, and what they mean for the state
//   outcome.cc     end of requests: settings, statements, pins, release of the connection
//   failure.cc     lost connections, time-outs, cancels, refusals
//   local.cc       what is answered here: BEGIN, transactions that were lost, our own commands
//   replicable.cc  mode replication: what the other nodes must do too, and what they cannot
//   nodes.cc       ... they do what the main node has done
//   behind_ddl.cc  ... where the transaction itself has changed the schema
//   copy_filling.cc   ... where main fills in columns of COPY
//   large_objects.cc  ... of calls for large objects
//   locks.cc       ... under locks, where each must see the same
//   commit.cc      ... and all of them commit, or none
//   two_phase.cc   ... the others by two-phase commit
//   bare.cc        ... of what runs outside of transactions
//   vacancy.cc     ... of DROP DATABASE and its kin
//   deadlock.cc    ... transactions that wait for each other at several nodes
//
// Invariants: (1) every request of the client ends with exactly one ReadyForQuery (but for FATAL); (2) the
// connection is released only with nothing owed, no open transaction, no pin, and nothing sent that still
// waits for its Sync; (3) client bytes that may be needed for a repetition stay unconsumed in the shell's
// buffer (`retained_`). Threads: one worker only.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/wire/decoder.h"
#include "common/wire/error_fields.h"
#include "common/wire/messages.h"
#include "proxy/exec/effects.h"
#include "proxy/exec/own_facts.h"
#include "proxy/exec/script.h"
#include "proxy/exec/server_link.h"
#include "proxy/exec/settings.h"
#include "proxy/exec/spread.h"
#include "proxy/exec/surroundings.h"
#include "proxy/exec/temporaries.h"
#include "proxy/replication/large_objects.h"
#include "proxy/replication/wait_graph.h"
#include "proxy/route/planner.h"

namespace pgpool::exec {

// What classify() finds out about a request; found anew when something that it rests on has changed.
struct Meaning {
    Marks marks;
    bool lists_names = false;        // reads pg_prepared_statements
    bool prepares = false;           // holds a SQL PREPARE
    bool copies_in = false;          // holds a COPY FROM
    bool names_temporaries = false;  // mode replication: of the session's own
    bool changes_names = false;      // makes or drops prepared statements, or resets settings
    bool binds_unnamed = false;      // Batch: the unnamed statement of an earlier one
    // Mode replication: what it does to the transaction that it is in.
    struct Steering {
        bool begins_or_ends = false;      // BEGIN, COMMIT, ROLLBACK and their kin
        bool rolls_to_savepoint = false;  // ROLLBACK TO
        bool savepoints = false;          // SAVEPOINT and its kin
        bool sets = false;                // settings
        bool names = false;               // of prepared statements
        std::uint32_t statements = 0;
        // Another transaction would not mean the same without it.
        [[nodiscard]] bool any() const { return savepoints || sets; }
    };
    Steering steering;
    // The same: whether the others can do what it writes.
    struct Following {
        std::vector<Judged> judged;                   // what depends on the schema
        route::ClassifiedPtr unproven;                // a write that they cannot follow
        bool by_rows = false;                         // main's rows travel, of some statement
        bool returns = false;                         // ... that has RETURNING
        bool draws = false;                           // from sequences
        bool refreshes = false;                       // a materialized view
        bool by_dates = false;                        // a parameter may be a date that moves
        bool rows_may = true;                         // of all those statements rows can travel instead
        std::vector<replication::LockPlanPtr> locks;  // what some repeat under
    };
    Following following;
    // The same: its calls of functions for large objects.
    struct LargeObjects {
        bool is_called = false;
        bool by_search_path = false;  // without their schema
        bool is_noted = false;        // the rest is known
        bool is_unclear = false;      // what some call does is not
        bool opens_for_writing = false;
        replication::Reach reach = replication::Reach::Main;
    };
    LargeObjects large_objects;
    std::optional<std::string> index;  // the same: CREATE INDEX CONCURRENTLY, its name as SQL or nothing
    std::string indexed;               // ... and its table, as SQL
    std::vector<sql::DatabaseUse> databases;  // the same: that it makes, drops, renames or moves
    bool meets_ddl = false;                   // the same: it must not be overtaken by others' DDL
    bool finds_names = false;                 // the same: DDL by which the server may find names itself
    bool changes_shared = false;              // the same: DDL of what all databases share
    bool changes_code = false;                // the same: DDL that may replace a function or a type
    std::uint64_t facts_version = 0;          // that it was judged by
    bool rests_on_schema = false;             // the same: some statement of it, see depends_on_schema()
    RelationNames relations;                  // ... that those name
    std::uint32_t statements = 0;             // Batch: messages that execute something
    std::vector<std::string> own_names;       // statements that it names in SQL, or that were made by SQL
    sql::StatementInfoPtr info;    // Query: of the text; Batch: of its only statement, if it has just one
    route::Verdict verdict;        // of all of it
    std::size_t parse_at = 0;      // Batch: where its last Parse begins,
    sql::StatementInfoPtr parsed;  // and what it holds
};

// One unit of the client: a Query, a batch of extended-protocol messages, a FunctionCall, a piece of COPY
// data.
struct Request {
    enum class Form : std::uint8_t { None, Query, Batch, FunctionCall, CopyData, Terminate };
    Form form = Form::None;
    bool synced = false;    // Batch: ends with Sync
    bool flushed = false;   // Batch: ends with Flush
    bool oversize = false;  // the last message goes on beyond `size`
    bool gathered = false;  // all of it is there
    bool classified = false;
    bool planned = false;       // it has a connection, or waits for one
    bool surely_fails = false;  // so far: the transaction has failed, and nothing may have ended it
    std::uint32_t size = 0;     // bytes gathered
    std::uint64_t beyond = 0;   // oversize: bytes of its last message that follow
    Meaning meaning;
};

class Session {
public:
    struct Login {
        std::string user;
        Database* database = nullptr;
        NameValuesPtr startup;  // settings of the startup packet
        std::uint32_t pid = 0;  // of BackendKeyData, as the client knows it
        std::uint32_t secret = 0;
        PoolStatistics* statistics = nullptr;  // where this session counts; outlives it. null: nowhere
    };

    Session(std::uint64_t id, Login login, Surroundings& surroundings, Effects& effects);
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // After authentication: gets the server's parameters, then tells the client that it is ready.
    void start();

    // The client's bytes that are not consumed yet; returns how many of them are done with. The shell calls
    // it after every event while there are any.
    [[nodiscard]] std::size_t pump(ByteView input);
    // Bytes of the connection this session holds; returns how many are done with, the rest comes again with
    // more.
    [[nodiscard]] std::size_t on_server_bytes(ServerLink& link, ByteView bytes);

    void on_link(ServerLink& link);             // what acquire() could not give at once
    void on_link_refused(ByteView error_body);  // a node's ErrorResponse instead
    void on_target_lost();                      // nothing comes: its node is gone, another must serve
    void on_link_lost(ServerLink& link, std::string_view reason);  // a connection this session holds is gone
    void on_news();                                                // topology or facts are new
    void on_own_ready();  // the result that own_command() has promised
    void on_timer(TimerKind timer);
    void on_cancel();  // the client's CancelRequest
    // Mode replication: it and others wait for each other at several nodes; this is the one to be ended.
    void on_deadlock();
    void on_client_gone();
    void on_drain();     // ends at the next good moment
    void on_shutdown();  // ends now
    // Others want the connection that this session's state pins: asks the server whether the state is still
    // there.
    void check_pins();

    [[nodiscard]] const Login& login() const { return login_; }
    [[nodiscard]] std::uint64_t id() const { return id_; }
    [[nodiscard]] const ServerLink* link() const { return link_; }
    template <typename Predicate>
    [[nodiscard]] bool any_link(Predicate is_so) const {
        if (link_ != nullptr && is_so(*link_)) return true;
        if (!spread_) return false;
        for (const auto& follower : spread_->followers) {
            if (is_so(*follower->link)) return true;
        }
        return false;
    }
    [[nodiscard]] bool holds(const ServerLink& link) const {
        return any_link([&](const ServerLink& held) { return &held == &link; });
    }
    // A commit is on its way to the nodes: the session must live until it has come to all of them.
    [[nodiscard]] bool must_finish() const { return spread_ && spread_->must_finish(); }
    // For who looks for deadlocks across nodes.
    [[nodiscard]] replication::Participant participant() const;
    [[nodiscard]] bool is_stuck(milliseconds patience) const;  // a node owes what main has answered
    [[nodiscard]] bool closed() const { return closed_; }
    [[nodiscard]] bool is_starting() const { return phase_ == Phase::Starting; }
    // A request is being answered.
    [[nodiscard]] bool busy() const {
        return owes_client() || wait_ == Wait::Own || wait_ == Wait::Nodes || wait_ == Wait::OwnFacts ||
               wait_ == Wait::Vacancy || runs_script();
    }
    // pump() has something to do even if the client has sent nothing more.
    [[nodiscard]] bool runs_script() const { return script_ && !script_->is_over(); }
    // ... and it comes to its end without more from the client.
    [[nodiscard]] bool busy_alone() const { return busy() && !copying_in_ && !unsynced_; }
    [[nodiscard]] bool awaits_link() const { return wait_ == Wait::Link; }
    [[nodiscard]] TimePoint waits_since() const { return wait_began_; }       // if it does
    [[nodiscard]] TimePoint request_began() const { return request_began_; }  // the last one; 0: none yet
    [[nodiscard]] bool in_transaction() const { return transaction_ != wire::TransactionStatus::Idle; }
    // A node has begun something for it that must come to its end there.
    [[nodiscard]] bool is_under_way() const {
        return (in_transaction() && deferred_begin_.empty()) || unsynced_ || owes_client();
    }
    // For SHOW: "idle", "active", "waiting", "idle in transaction".
    [[nodiscard]] std::string_view state() const;
    [[nodiscard]] std::string application_name() const;
    [[nodiscard]] sql::Leaves pins() const { return pins_; }
    [[nodiscard]] std::optional<NodeId> reads_at()
        const;  // the node that serves this session's reads, if it is one
    [[nodiscard]] std::vector<std::string> explain_route(std::string_view sql) const;
    // Bytes of the client that the shell should hold at most before it stops reading.
    static constexpr std::size_t kMaxHeldInput = (std::size_t{1} << 20U) + (std::size_t{128} << 10U);

private:
    // session.cc
    void continue_start();
    [[nodiscard]] route::Target login_target() const;
    void remember_parameters();
    void welcome();
    void give_up_repetition();
    void say(const wire::Report& report);
    void reply(ByteView bytes);
    [[nodiscard]] bool advance_script();
    void end_script();
    [[nodiscard]] bool owes_client() const { return link_ != nullptr && link_->replies.owes_client(); }
    [[nodiscard]] bool on_primary() const;
    [[nodiscard]] bool must_park() const;
    std::size_t park();  // nothing of the request is dealt with

    enum class Phase : std::uint8_t { Starting, Running, Ended };
    // What the request at the front waits for before it can be sent.
    enum class Wait : std::uint8_t {
        Nothing,
        Link,
        Settings,
        Replay,
        Facts,
        OwnFacts,
        Own,
        Nodes,
        Slot,
        Ddl,
        Vacancy,
        Parked
    };
    // A transaction that was lost with its connection: the client learns of it with its next request.
    enum class Voided : std::uint8_t { No, Untold, Told };
    enum class Gathered : std::uint8_t { NeedMore, Ready, Broken };
    // A change of statements_ whose ParseComplete or CloseComplete may still fail to come.
    struct Undo {
        std::string name;
        PreparedPtr previous;
        bool was_own_name = false;  // the server knew it under that name

        // SQL has made it anew, or null: has dropped it.
        void comes_from(PreparedPtr by_sql) {
            was_own_name = by_sql != nullptr;
            previous = std::move(by_sql);
        }
    };

    // gather.cc
    [[nodiscard]] Gathered gather(ByteView input);
    void await_batch_end(ByteView batch);
    [[nodiscard]] Gathered gather_query(const wire::Frame& frame);
    [[nodiscard]] Gathered gather_large(const wire::Frame& frame);
    void protocol_violation(std::string_view message);
    [[nodiscard]] std::size_t advance(ByteView rest);
    [[nodiscard]] std::size_t stream(ByteView rest);
    [[nodiscard]] std::size_t skip_until_sync(ByteView rest);
    [[nodiscard]] std::size_t pass_copy_data(ByteView rest);

    // dispatch.cc
    [[nodiscard]] bool begin_script(ByteView bytes);
    [[nodiscard]] std::size_t dispatch(ByteView bytes);
    void classify(ByteView bytes);
    void classify_anew();
    void classify_query(ByteView bytes);
    void classify_batch(ByteView bytes);
    [[nodiscard]] std::optional<std::string_view> classify_parse(const wire::Frame& frame,
                                                                 std::size_t frame_at);
    void classify_bind(const wire::Frame& frame, std::string_view parsed_name);
    [[nodiscard]] sql::StatementInfoPtr classify_describe(const wire::Frame& frame);
    void learn(route::CachedVerdict& slot);
    [[nodiscard]] bool awaits_facts();
    [[nodiscard]] bool awaits_newer_facts() const;
    [[nodiscard]] bool are_facts_stale() const;
    [[nodiscard]] bool is_schema_newer() const;
    [[nodiscard]] std::uint64_t facts_version() const;
    [[nodiscard]] bool is_schema_newer(const sql::CatalogFacts* facts) const;
    void note_statements(const sql::StatementInfo& info);
    void note_steering(const sql::Statement& statement);
    void note_executed(std::string_view name);
    void note_names(const sql::Statement& statement);
    [[nodiscard]] bool takes_back_settings(const sql::Statement& statement) const;
    void add_to_verdict(const sql::StatementInfoPtr& info, const route::Verdict& alone);
    [[nodiscard]] route::Verdict with_prepared(const sql::StatementInfo& info,
                                               const route::Verdict& verdict) const;
    void classify_unknown(bool harmless);
    [[nodiscard]] bool may_pipeline() const;
    [[nodiscard]] bool needs_own_names() const;
    [[nodiscard]] bool are_names_open() const;
    [[nodiscard]] std::optional<std::size_t> follow_plan(ByteView bytes, route::Target& target);
    [[nodiscard]] std::size_t send_request(ByteView bytes);
    void begin_attempt(ByteView bytes);
    void emit_names(ByteView bytes);
    void emit_request(ByteView bytes);
    [[nodiscard]] bool take_link(const route::Target& target);
    void wait_for_link();
    [[nodiscard]] bool prepare_link();
    void clean_own_names();
    [[nodiscard]] bool replay_settings();
    void tell_parameters();
    [[nodiscard]] route::SessionRoute session_route() const;
    [[nodiscard]] sql::Isolation default_isolation() const;
    void note_parameters();

    // emit.cc
    void emit_query(ByteView bytes);
    void emit_function_call(ByteView bytes);
    void emit_batch(ByteView bytes);
    void emit_frame(const wire::Frame& frame);
    void emit_parse(const wire::Frame& frame);
    void emit_named_parse(const wire::Frame& frame, std::string_view name, ByteView sql_and_types,
                          const sql::StatementInfoPtr& info);
    void emit_taken_parse(std::string_view name, ByteView sql_and_types, const PreparedPtr& taken);
    [[nodiscard]] PreparedPtr stand_in(std::string_view sql);
    [[nodiscard]] PreparedPtr as_prepared_now(PreparedPtr known, std::string_view name);
    [[nodiscard]] PreparedPtr under_our_name(const PreparedPtr& known, std::string_view name);
    [[nodiscard]] bool surely_fails() const;
    [[nodiscard]] bool may_sql_name(std::string_view name) const;
    void emit_bind(const wire::Frame& frame);
    void copy_bind_as_it_is(const wire::BindMessage& bind, const PreparedPtr& known);
    void emit_describe(const wire::Frame& frame);
    void emit_execute(const wire::Frame& frame);
    void emit_close(const wire::Frame& frame);
    void emit_sync(const wire::Frame& frame);
    void emit_begin();
    void emit_begin_with_request();
    void end_unsynced();
    [[nodiscard]] UnnamedStatement unnamed_wanted() const;
    void replace_unnamed(Expected& expected);
    void count_sent(const sql::StatementInfo* info);
    void ensure_unnamed();
    void ensure_prepared(const PreparedPtr& statement);
    void ensure_own_name(std::string_view name);
    Expected& push_for_own_name(Owed owed);
    Expected& prepare_by_parse(const PreparedStatement& statement, std::string_view name);
    Expected& prepare_by_sql(const PreparedStatement& statement);
    void emit_own_parse(const wire::Frame& frame, std::string_view name, ByteView sql_and_types,
                        const sql::StatementInfoPtr& info);
    void show_own_names();
    void make_room();
    void close_at_server(const PreparedPtr& statement);
    [[nodiscard]] bool may_skip_parse() const;
    void send_raw(ByteView bytes);  // as it is; neighbours go out together
    void flush_raw();
    Expected& send_own_query(std::string_view sql, Purpose purpose);
    void send_made();  // what was put into out_
    [[nodiscard]] std::string statement_scope();
    [[nodiscard]] std::string settings_scope() const;
    [[nodiscard]] bool is_meaning_known() const;

    // replicable.cc
    [[nodiscard]] route::Verdict beside_temporaries(const sql::StatementInfo& info,
                                                    const route::Verdict& verdict) const;
    [[nodiscard]] std::vector<std::string> temporaries_within(const sql::StatementInfo& info) const;
    [[nodiscard]] bool begins_in_batch() const;
    [[nodiscard]] std::string why_not_by_name() const;
    [[nodiscard]] std::string why_not_execute(std::string_view name) const;
    [[nodiscard]] std::string why_not_replicated(ByteView bytes) const;
    [[nodiscard]] bool executes_unread(ByteView bytes) const;
    [[nodiscard]] bool executes_open_portal(ByteView batch) const;
    void note_following(const sql::StatementInfoPtr& info, const route::Verdict& verdict);
    [[nodiscard]] bool is_judged_alike(const Judged& judged, const sql::CatalogFacts* facts) const;
    [[nodiscard]] std::string explain_replication(const sql::StatementInfo& info,
                                                  const route::Verdict& verdict) const;
    [[nodiscard]] bool names_ours() const;
    [[nodiscard]] bool changes_session_user() const;
    [[nodiscard]] std::string why_rows_cannot_travel(ByteView bytes) const;
    [[nodiscard]] std::string why_values_cannot_travel() const;
    [[nodiscard]] std::string why_not_large_objects(ByteView bytes) const;
    [[nodiscard]] bool moves(ByteView bytes) const;
    void warn_of_unproven();
    [[nodiscard]] bool needs_copy(ByteView bytes) const;
    [[nodiscard]] std::optional<wire::Report> why_no_savepoint(ByteView bytes) const;
    [[nodiscard]] bool ends_transaction(ByteView bytes) const;

    // behind_ddl.cc
    [[nodiscard]] const sql::CatalogFacts* facts() const;
    [[nodiscard]] route::Verdict judge(route::CachedVerdict& slot, const sql::StatementInfo& info) const;
    void note_schema(const sql::Statement& statement);
    [[nodiscard]] bool mixes_ddl() const;
    [[nodiscard]] bool awaits_own_facts();
    void own_facts_came(std::string_view error_body);
    [[nodiscard]] std::string why_not_behind_ddl() const;
    [[nodiscard]] std::string repeat_scope();

    // ddl_order.cc
    void note_ddl(const sql::Statement& statement);
    [[nodiscard]] std::optional<std::size_t> await_ddl(ByteView bytes);
    void begin_to_watch();
    void begin_ddl_commit();
    void note_code_begun();
    [[nodiscard]] bool was_schema_changed(Judged& judged) const;
    void note_unsure();
    void note_followed();
    [[nodiscard]] bool may_meet_the_same() const;
    [[nodiscard]] bool are_unsure_alike();

    // nodes.cc
    [[nodiscard]] bool is_spread() const;
    [[nodiscard]] std::optional<std::size_t> before_main(ByteView bytes);
    [[nodiscard]] std::size_t refuse_to_replicate(ByteView bytes, const std::string& reason);
    [[nodiscard]] bool is_error_of_main() const;
    [[nodiscard]] std::size_t refuse_for_slots(ByteView bytes);
    [[nodiscard]] std::size_t refuse_within(const wire::Report& report, ByteView bytes);
    [[nodiscard]] std::size_t fail_within(std::string error_frame, ByteView bytes);
    [[nodiscard]] std::size_t leave_former_main(ByteView bytes);
    [[nodiscard]] std::size_t undo_for(ByteView bytes);
    [[nodiscard]] std::optional<std::size_t> end_spread(ByteView bytes);
    [[nodiscard]] bool join();
    [[nodiscard]] bool fails_to_join(const wire::Report& report);
    [[nodiscard]] Follower* follower_at(NodeId node) const;
    void add_follower(ServerLink& link);
    void begin_at(Follower& follower, Follower::Next next = Follower::Next::Anything);
    void repeat_at(Follower& follower, const Spread::Done& done, Follower::Next next);
    void send_to(Follower& follower, std::string_view steps);
    [[nodiscard]] NameValuesPtr settings_of_followers();
    void settings_at(Follower& follower, std::string& out);
    [[nodiscard]] bool copies() const;
    void copy_query(ByteView bytes);
    void copy_bind(std::string_view portal, Spread::Part part);
    [[nodiscard]] bool copy_execute(std::string_view portal);
    [[nodiscard]] bool main_answered(wire::TransactionStatus status);
    void end_void();
    void main_ended_alone();
    [[nodiscard]] bool hold_back(const wire::Frame& frame);
    void follow(CopiedRequest request);
    void copy_in_began();
    void stream_to_followers(ByteView bytes);
    void copy_in_ended();
    [[nodiscard]] CopiedRequest what_main_did();
    void note_moved(const std::vector<std::string>& sequences, const std::vector<std::string>& set);
    void note_flaw(const RowImages& rows);
    void doom_for_good(std::string reason);
    [[nodiscard]] Spread::Part* answered_part();
    void note_main_end(std::string_view tag);
    [[nodiscard]] std::optional<RowImages> images_of(const wire::BindMessage& bind, const PreparedPtr& known);
    [[nodiscard]] bool hides_images(const wire::Frame& frame);
    void emit_image_query();
    [[nodiscard]] PreparedPtr image_statement(const PreparedPtr& known, const replication::ImagePlan& plan,
                                              bool as_text);
    void hide_images(const wire::Frame& frame);

    // copy_filling.cc
    [[nodiscard]] replication::CopyPlanPtr filling() const;
    [[nodiscard]] std::string why_not_filled() const;
    void fill_copy();
    void emit_telling_copy();
    [[nodiscard]] std::string copy_of_others() const;
    [[nodiscard]] bool is_told(const wire::Frame& notice);
    void pass_filled(bool is_last);
    void end_filled_copy();

    // large_objects.cc
    void classify_function_call(ByteView body);
    void note_large_objects(ByteView bytes);
    void note_call(const replication::ReadCall& read);
    [[nodiscard]] bool writes_everywhere() const;
    [[nodiscard]] bool moves_descriptors() const;
    [[nodiscard]] bool follows(replication::Reach reach) const;
    [[nodiscard]] std::optional<LargeObjectStep> large_object_step(replication::ReadCall read,
                                                                   bool is_binary) const;
    [[nodiscard]] std::optional<LargeObjectStep> bound_step(const wire::BindMessage& bind,
                                                            const PreparedPtr& copied) const;
    void copy_call_in_query();
    void copy_function_call(ByteView bytes);
    void add_call(std::optional<LargeObjectStep> step);
    void lock_large_object();
    void call_ended(Spread::Part& part);
    void note_call_row(const wire::Frame& row);
    void function_answered(const wire::Frame& response);
    [[nodiscard]] std::optional<std::int64_t> opened_by_request() const;
    [[nodiscard]] bool closes_last_open();
    // locks.cc
    void plan_locks();
    void emit_locks();
    void emit_lock(const CopiedRequest::Execution& lock);
    [[nodiscard]] bool snapshot_waits() const;
    void follow_locks();
    [[nodiscard]] std::optional<wire::Report> why_no_locks(const Expected& failed,
                                                           const wire::ErrorFields& error) const;

    // bare.cc
    void bare_answered();
    void tell_who_missed();
    [[nodiscard]] bool makes_nameless_index() const;
    void tidy_up(Follower& follower);
    [[nodiscard]] bool may_repeat_bare(const Follower& follower) const;
    [[nodiscard]] bool cancels_bare();
    void follow_bare(Follower& follower);
    [[nodiscard]] bool repeats_bare();

    // vacancy.cc
    [[nodiscard]] bool needs_vacant(const sql::DatabaseUse& use) const;
    [[nodiscard]] std::optional<std::size_t> make_vacant(ByteView bytes);
    [[nodiscard]] bool is_vacancy_awaited() const;
    [[nodiscard]] std::size_t look_again(Vacancy& vacancy);
    [[nodiscard]] std::size_t await_vacancy();
    void vacancy_known();
    void cancel_vacancy();
    [[nodiscard]] std::size_t meet_sessions(Vacancy& vacancy, ByteView bytes);
    [[nodiscard]] std::size_t ask_to_force(Vacancy& vacancy, ByteView bytes);

    // commit.cc
    void begin_marking();
    void try_marking();
    void await_others();
    [[nodiscard]] std::string why_marking_is_late() const;
    void ask_positions();
    void move_sequences();
    [[nodiscard]] bool asks_digests();
    void compare_digests();
    [[nodiscard]] bool is_anybody_missing() const;
    [[nodiscard]] bool take_slot();
    [[nodiscard]] std::string make_redo(const CopiedRequest& request = {}) const;
    void mark_main(const std::string& redo);
    void sync_marker();
    [[nodiscard]] bool marks_with_request() const;
    void mark_main_with_request();
    [[nodiscard]] bool marks_at_once() const;
    void mark_followers();
    void mark_at(Follower& follower);
    void execute_at_main(const PreparedPtr& statement, std::string_view values);
    void note_mark(const wire::Frame& row);
    void main_stepped(std::string error);
    void nodes_stepped();
    void note_differences();
    [[nodiscard]] bool tries_again(Follower& follower);
    [[nodiscard]] std::string name_of(NodeId id) const;
    [[nodiscard]] bool has_outdated_login() const;
    [[nodiscard]] bool is_outdated(const ServerLink& link) const;
    void all_marked();
    [[nodiscard]] bool marks_again();
    void end_followers(bool committed);
    void all_followed();
    void note_told();
    void nobody_builds_on_this();
    void node_failed(NodeId node, cluster::Sign sign, const std::string& reason);
    void await_decision_about(NodeId node);
    void finish_if_evicted();
    [[nodiscard]] bool is_about_the_last() const;
    void finish(wire::TransactionStatus status);
    void end_without_link(bool committed);
    void undo_everywhere();
    void undo_at_main();
    void undo_at_followers();
    void all_undone();
    void leave_nodes();
    void wait_for_nodes();
    [[nodiscard]] std::size_t on_follower_bytes(ServerLink& link, ByteView bytes);
    void on_follower_lost(ServerLink& link, std::string_view reason);
    [[nodiscard]] bool on_main_lost(std::string_view reason);
    void tell_end_of_main();
    [[nodiscard]] bool end_without_main(std::string_view reason);
    void finish_without_main();
    void nodes_late();
    [[nodiscard]] milliseconds patience() const;
    [[nodiscard]] bool main_may_be_busy();
    void give_up_eviction();
    void drop_late();

    // two_phase.cc
    [[nodiscard]] bool prepares_others(std::string_view redo) const;
    void name_prepared(Spread::Marker& marker, std::string_view redo);
    [[nodiscard]] bool take_back_prepared();
    void lose_follower(const ServerLink& link);
    void give_slot_back();
    void hold_slot();
    void free_held_slots();
    [[nodiscard]] bool awaits_slot();
    void undo_for_nobody();
    [[nodiscard]] bool is_kept_anywhere() const;
    [[nodiscard]] bool are_failed_taken_out() const;
    [[nodiscard]] bool have_failed_given() const;
    [[nodiscard]] bool has_followed(const Follower& follower) const;
    void note_unpreparable(const Follower& follower);
    void leave_to_keeper(const Follower& follower);

    // deadlock.cc
    [[nodiscard]] replication::Fate fate() const;
    void cancel_followers();
    void undo_deadlocked();
    [[nodiscard]] bool tells_deadlock(const wire::ErrorFields& error);
    [[nodiscard]] static wire::Report deadlock_report();
    void note_asked();

    // replies.cc
    [[nodiscard]] std::size_t on_main_bytes(ByteView bytes);
    [[nodiscard]] bool on_server_frame(const wire::Frame& frame);  // true: the client gets it
    [[nodiscard]] bool on_error(const wire::Frame& frame);
    [[nodiscard]] bool is_mark_error(const wire::Frame& frame) const;
    [[nodiscard]] bool on_mark_error(const wire::Frame& frame);
    void count_error(std::string_view severity);
    [[nodiscard]] bool on_ready_for_query(
        const wire::Frame& frame);  // true: a request of the client ends here
    [[nodiscard]] bool on_parameter_status(const wire::Frame& frame);
    [[nodiscard]] bool on_copy_in();
    void spare_pins(Expected& failed, const wire::Frame& error) const;
    [[nodiscard]] bool has_run(const Expected& failed, const wire::ErrorFields& error) const;
    void note_check(const wire::Frame& row);
    [[nodiscard]] bool complete(Owed owed);
    [[nodiscard]] bool on_command_end(const wire::Frame& frame);
    [[nodiscard]] bool forwards() const;
    [[nodiscard]] bool forward();
    void emit_synthesized();
    void settle(Expected& expected);
    [[nodiscard]] std::string in_client_words(ByteView error_body, std::string_view name) const;
    void on_taken_parse(const Expected& parse);
    void on_name_change(Owed owed);
    void on_name_closed(const std::string& name);
    void undo_prepared(const Expected& expected);
    void undo_skipped(ReplyQueue& replies);
    void undo_name(const Undo& undo);
    void undo_unnamed(const std::vector<Expected>& skipped);
    void skip_with_server();
    [[nodiscard]] bool prepares_for_query(std::size_t from) const;
    void end_skipped_query();
    void forget_gathered();
    [[nodiscard]] bool is_head_ours() const;
    [[nodiscard]] bool is_in_batch_of_client(std::size_t from) const;
    [[nodiscard]] bool restore_settings(wire::TransactionStatus status);
    void finish_restore();
    [[nodiscard]] bool swallow_ready(Purpose purpose);
    [[nodiscard]] bool repeat_on_primary(const wire::ErrorFields& fields);

    // outcome.cc
    void apply_effects(const sql::Statement& statement, std::string_view tag);
    void apply_settings(const sql::Statement& statement);
    void apply_settings_told(const sql::Statement& statement, std::string_view tag);
    void on_command_complete(const Expected& asked, std::uint32_t index, std::string_view tag);
    void on_portal_suspended(const Expected& asked);
    void end_request(wire::TransactionStatus status);
    [[nodiscard]] bool runs_something() const;
    void forget_attempt();
    void end_transaction(bool committed);
    void keep_effects();
    void schema_changes();
    void count_answered(bool transaction_over);
    void count_wait();
    void release_if_free();
    [[nodiscard]] bool is_link_clean() const;
    [[nodiscard]] bool is_quiet() const;
    void idle_or_in_transaction();
    void roll_back();
    void pin(sql::Leaves leaves);
    void unpin(const sql::Statement& done);
    void apply_to_statements(const sql::Statement& statement, std::string_view tag);
    void forget_names();
    [[nodiscard]] Undo* open_change(std::string_view name);
    void forget_name(std::string_view name);
    void forget_executed(std::string_view name);
    [[nodiscard]] sql::StatementInfoPtr executed_by(const sql::Statement& statement) const;
    void remember_prepare(const sql::Statement& statement);

    // failure.cc
    [[nodiscard]] std::size_t fail_request(ByteView error_frame);
    void fail_front(const wire::Report& report);  // the request that waits at the front
    void fail_owed(const wire::Report& report);
    void refuse_link(std::string_view error_body);
    void lose_link(std::string_view reason);
    void report_loss(std::string_view reason);
    [[nodiscard]] bool may_have_committed() const;
    void forget_link();
    void undo_all();
    [[nodiscard]] bool can_repeat() const;
    void repeat_request();
    void fatal(const wire::Report& report);
    void hang_up();
    [[nodiscard]] bool is_within_message() const;
    void on_wait_timer(const config::Config& config);
    void no_primary_came(milliseconds limit);
    void give_up_waiting(const wire::Report& report);
    void cancel_running();

    // local.cc
    [[nodiscard]] std::size_t answer_locally(ByteView bytes, route::Local local);
    [[nodiscard]] std::size_t answer_voided(ByteView bytes);
    void answer_messages(ByteView bytes, const OwnResult& result);
    // What a Bind has opened, within one request that is answered here.
    struct LocalPortal {
        bool is_open = false;
        std::vector<wire::Format> formats;  // one per column
    };
    [[nodiscard]] Result<void> answer_message(std::string& frames, const wire::Frame& frame,
                                              const OwnResult& result, LocalPortal& portal);
    [[nodiscard]] Result<void> bind_locally(ByteView body, const OwnResult& result,
                                            LocalPortal& portal) const;
    [[nodiscard]] Result<void> check_statement(std::string_view name) const;
    void remember_parse(const wire::Frame& frame);
    [[nodiscard]] std::string_view text_of(ByteView bytes) const;
    [[nodiscard]] std::string_view prepared_text(std::string_view name) const;
    void tell_statements(ByteView bytes, const ServerLink* at);
    [[nodiscard]] bool runs_one_statement(ByteView bytes) const;
    [[nodiscard]] bool can_be_deferred(ByteView bytes) const;
    [[nodiscard]] bool answer_proven_parse(ByteView bytes);
    void begin_locally(ByteView bytes);
    [[nodiscard]] std::string answers_before_failure(ByteView bytes);
    [[nodiscard]] bool run_own_command(ByteView bytes);
    void refuse_locally(std::string& frames, const Error& error);
    void say_ready();

    std::uint64_t id_;
    Login login_;
    Surroundings& around_;
    Effects& effects_;

    Phase phase_ = Phase::Starting;
    Wait wait_ = Wait::Nothing;
    Voided voided_ = Voided::No;
    bool closed_ = false;
    bool draining_ = false;

    // The request at the front of the client's bytes, and the one that is being answered.
    Request request_;
    std::unique_ptr<Script> script_;   // the text that is run part by part
    std::uint32_t retained_ = 0;       // bytes of the request being answered that are kept for a repetition
    std::uint32_t done_ = 0;           // bytes at the front that are not needed any more
    std::uint64_t stream_left_ = 0;    // bytes of a large message that go straight on
    bool stream_dropped_ = false;      // ... to nowhere
    bool streams_everywhere_ = false;  // ... to the other nodes too
    bool skipping_to_sync_ = false;    // after an error of ours in a batch whose Sync is not here yet
    bool server_skips_ = false;        // after an error of the server's: it ignores all before that Sync
    bool unsynced_ = false;            // messages were sent that wait for their Sync
    bool names_change_ = false;        // by something on the way, which an error may skip
    bool names_go_ = false;            // all of them, by something on the way
    bool unnamed_may_stay_ = false;    // the statement, if the message that replaces it is skipped
    bool may_end_failed_ = false;      // the failed transaction, by something on the way
    bool may_be_skipped_ = false;      // a Query was sent behind messages whose error would skip it
    bool copying_in_ = false;
    bool may_copy_in_ = false;  // a request was sent that `copies_in`
    bool awaits_batch_end_ = false;
    bool own_ready_ = false;  // the result of the command of ours at the front can be fetched
    std::string failure_;     // ErrorResponse that answers the request at the front

    // The request being answered.
    bool repeatable_ = false;
    bool row_delivered_ = false;
    std::uint32_t attempts_ = 0;
    bool error_seen_ = false;
    bool failing_over_ = false;   // swallow the node's error, then repeat on the primary
    bool avoid_standby_ = false;  // repeat: this time on the primary
    bool learn_write_ = false;    // repeat: its shape writes, whatever it looks like
    std::uint32_t frames_forwarded_ = 0;
    std::uint32_t frames_to_skip_ = 0;   // the client has them from the first attempt
    std::uint32_t statement_index_ = 0;  // in a multi-statement Query
    bool timed_out_ = false;
    bool cancel_is_due_ = false;  // once what the client asked for runs

    // Session state.
    wire::TransactionStatus transaction_ = wire::TransactionStatus::Idle;
    std::string deferred_begin_;  // a BEGIN that was answered and not sent yet
    sql::TransactionOptions transaction_options_;
    bool wrote_ = false;  // in this transaction
    bool ddl_ = false;
    bool changes_logins_ = false;
    bool commits_ = false;              // a COMMIT was answered, the ReadyForQuery of its request was not
    bool set_locally_ = false;          // SET LOCAL
    std::uint64_t private_scopes_ = 0;  // of prepared statements that nobody may share, counted
    TimePoint last_write_;
    std::optional<route::Target> chosen_;
    bool waited_for_replay_ = false;
    bool waited_for_facts_ = false;
    TimePoint slot_until_;               // how long it is waited for; 0: it is not
    TimePoint ddl_until_;                // the same, for others' DDL
    std::uint64_t facts_seen_ = 0;       // their version, when it was waited for newer ones
    std::uint32_t waits_for_facts_ = 0;  // of the request at the front, for newer ones
    TimePoint facts_wanted_at_;          // when the first of these began
    milliseconds waited_{0};             // for a connection, as far as timers told
    sql::Leaves pins_ = sql::Leaves::Nothing;
    sql::Leaves pending_pins_ = sql::Leaves::Nothing;
    sql::Leaves pending_clears_ = sql::Leaves::Nothing;
    bool state_left_ = true;  // what the last check of the pins has found
    Settings settings_;
    Temporaries temporaries_;      // mode replication
    OwnFacts own_facts_;           // the same
    NameValuesPtr reported_;       // parameters as the client knows them
    sql::AnalyzeOptions options_;  // that follow from them
    NamedStatements statements_;   // of the client
    ClientUnnamed unnamed_;
    std::uint64_t last_serial_ = 0;
    std::string prepare_text_;  // of the request that holds a SQL PREPARE
    sql::StatementInfoPtr unnamed_portal_;
    std::unique_ptr<sql::NameMap<sql::StatementInfoPtr>> portals_;

    std::vector<Undo> undo_;
    std::size_t undo_done_ = 0;  // of them, from the front, confirmed

    // For SHOW.
    PoolStatistics& statistics_;
    TimePoint request_began_;      // the last one that was sent
    TimePoint transaction_began_;  // as far as a server connection was held for it
    TimePoint wait_began_;         // for a server connection

    ServerLink* link_ = nullptr;  // mode replication: to the main node, or where a read is served
    std::unique_ptr<Spread> spread_;
    std::string voided_by_;       // ErrorResponse for a voided transaction; empty: its node was lost
    std::string internal_error_;  // body of an error to a message of ours
    std::string out_;             // frames on their way to the server; kept for its memory
    ByteView raw_;                // bytes of the client to be sent unchanged; valid while emitting
    ByteView batch_;              // the one that is being emitted
};

}  // namespace pgpool::exec
