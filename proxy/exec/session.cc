// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/session.h"

#include <strings.h>

#include <algorithm>
#include <tuple>

#include "proxy/replication/write_class.h"
#include "proxy/route/explain.h"

namespace pgpool::exec {

namespace {

// What drivers want to know of a server before they talk to it; the console has no server behind it.
NameValuesPtr console_parameters(NameValuesTable& names, const NameValues& startup) {
    const std::string* application = startup.find("application_name");  // '=' and the text, as in Settings
    return names.make({{"application_name", application != nullptr ? application->substr(1) : ""},
                       {"client_encoding", "UTF8"},
                       {"DateStyle", "ISO, MDY"},
                       {"integer_datetimes", "on"},
                       {"server_encoding", "UTF8"},
                       {"server_version", "15.0"},  // whose protocol it speaks
                       {"standard_conforming_strings", "on"},
                       {"TimeZone", "UTC"}});
}

}  // namespace

Session::Session(std::uint64_t id, Login login, Surroundings& surroundings, Effects& effects)
    : id_(id),
      login_(std::move(login)),
      around_(surroundings),
      effects_(effects),
      settings_(surroundings.names, login_.startup),
      reported_(surroundings.names.empty()),
      statistics_(login_.statistics != nullptr ? *login_.statistics : surroundings.statistics_of_nobody) {
    options_.admin_database = login_.database->is_admin;
}

void Session::start() {
    const auto known = around_.parameters.find({login_.user, login_.database->name, login_.startup});
    if (known != around_.parameters.end()) {
        reported_ = known->second;
        welcome();
    } else if (login_.database->is_admin) {
        reported_ = console_parameters(around_.names, *login_.startup);
        welcome();
    } else {
        continue_start();
    }
}

// A first connection tells the parameters, and whether the node accepts this user, database and these
// settings at all.
void Session::continue_start() {
    if (link_ == nullptr && !take_link(login_target())) return;
    if (!prepare_link()) return;
    reported_ = link_->reported;
    if (on_primary()) remember_parameters();
    release_if_free();
    welcome();
}

// While there is no primary a standby lets in who only wants to read.
route::Target Session::login_target() const {
    const cluster::NodeStatus* node = around_.topology->primary_or_standby();
    const bool is_standby = node != nullptr && around_.topology->primary != node->id;
    return is_standby ? route::Target::at(node->id) : route::Target::primary();
}

void Session::remember_parameters() {
    constexpr std::size_t kMaxRemembered = 4096;  // startup settings may differ in every login
    if (around_.parameters.size() >= kMaxRemembered) around_.parameters.clear();
    around_.parameters[{login_.user, login_.database->name, login_.startup}] = reported_;
}

void Session::welcome() {
    // PostgreSQL reports its parameters in the order of their names, whatever the case of the letters.
    auto parameters = reported_->pairs();
    std::sort(parameters.begin(), parameters.end(), [](const auto& a, const auto& b) {
        return ::strcasecmp(a.first.c_str(), b.first.c_str()) < 0;
    });
    std::string frames;
    for (const auto& [name, value] : parameters) wire::append_parameter_status(frames, name, value);
    wire::append_backend_key_data(frames, login_.pid, login_.secret);
    wire::append_ready_for_query(frames, wire::TransactionStatus::Idle);
    reply(frames);
    note_parameters();
    phase_ = Phase::Running;
    attempts_ = 0;
    idle_or_in_transaction();
}

std::size_t Session::pump(ByteView input) {
    std::size_t used = std::exchange(done_, 0);
    while (!closed_ && phase_ == Phase::Running && !effects_.client_is_behind()) {
        if (script_ && script_->is_over()) end_script();
        const bool is_for_copy =
            copying_in_ || stream_left_ > 0;  // COPY in the script: its data is the client's
        if (script_ && !is_for_copy) {
            if (!advance_script()) break;
            continue;
        }
        if (used + retained_ >= input.size()) break;
        const std::uint32_t retained_before = retained_;
        const ByteView rest = input.substr(used + retained_);
        const std::size_t advanced = stream_left_ > 0 ? stream(rest) : advance(rest);
        if (advanced > 0 && retained_ == retained_before) give_up_repetition();
        const std::size_t finished = std::exchange(done_, 0);
        used += advanced + finished;
        if (advanced + finished == 0 && retained_ == retained_before) break;
    }
    return closed_ ? input.size() : used;
}

// The next part of it, as if it came from the client. False: something must be answered first.
bool Session::advance_script() {
    if (!script_->has_next() || advance(script_->next()) == 0) return false;
    script_->take_next();
    return true;
}

// After an error its next part may have been gathered.
void Session::end_script() {
    script_.reset();
    forget_gathered();
}

void Session::reply(ByteView bytes) {
    if (!runs_script()) return effects_.reply(bytes);
    const std::string passes = script_->filter(bytes);
    if (!passes.empty()) effects_.reply(passes);
}

// Bytes behind the retained request were dealt with: it cannot be kept in front of them.
void Session::give_up_repetition() {
    done_ += std::exchange(retained_, 0);
    repeatable_ = false;
}

bool Session::on_primary() const {
    return link_ != nullptr && around_.topology->primary == link_->node;
}

// The role of the node whose connection is kept moves to another: what was begun there ends there.
bool Session::must_park() const {
    const bool begins =
        (transaction_ == wire::TransactionStatus::Idle && !unsynced_) || !deferred_begin_.empty();
    return begins && link_ != nullptr && around_.topology->leaving == link_->node;
}

std::size_t Session::park() {
    request_.planned = false;
    wait_ = Wait::Parked;
    effects_.await_news();
    effects_.arm(TimerKind::Wait, around_.config->health.failover_park_timeout);
    return 0;
}

void Session::on_link(ServerLink& link) {
    count_wait();
    wait_ = Wait::Nothing;
    effects_.disarm(TimerKind::Wait);
    if (spread_ && spread_->awaits_follower) return add_follower(link);
    link_ = &link;
    if (phase_ == Phase::Starting) continue_start();
}

void Session::on_target_lost() {
    if (wait_ != Wait::Link) return;
    count_wait();
    wait_ = Wait::Nothing;
    effects_.disarm(TimerKind::Wait);
    if (phase_ == Phase::Starting) continue_start();
}

void Session::on_news() {
    const auto& facts = login_.database->facts;
    if (wait_ == Wait::Facts && (!facts || facts->version <= facts_seen_)) return effects_.await_news();
    if (wait_ == Wait::Parked && must_park()) return effects_.await_news();
    if (wait_ == Wait::Facts && facts_seen_ > 0) ++waits_for_facts_;
    if (wait_ == Wait::Nodes) return nodes_stepped();
    if (wait_ == Wait::Vacancy) return vacancy_known();
    if (wait_ == Wait::Replay || wait_ == Wait::Facts || wait_ == Wait::Slot ||
        wait_ == Wait::Parked) {  // pump() plans again
        wait_ = Wait::Nothing;
        effects_.disarm(TimerKind::Wait);
    }
}

void Session::on_client_gone() {
    if (closed_ && link_ == nullptr) return;
    closed_ = true;
    phase_ = Phase::Ended;
    undo_for_nobody();
    if (must_finish()) return;  // finish() comes here again
    count_wait();
    if (wait_ == Wait::Link) effects_.withdraw();
    leave_nodes();
    wait_ = Wait::Nothing;
    if (link_ == nullptr) return;
    const bool clean = is_link_clean();
    ServerLink& link = *std::exchange(link_, nullptr);
    const bool has_state = pins_ != sql::Leaves::Nothing || pending_pins_ != sql::Leaves::Nothing;
    effects_.release(link, !clean ? Disposal::Close : has_state ? Disposal::Reset : Disposal::Keep);
}

void Session::on_drain() {
    draining_ = true;
    if (phase_ == Phase::Starting ||
        (phase_ == Phase::Running && wait_ == Wait::Nothing && !runs_script() &&
         transaction_ == wire::TransactionStatus::Idle && (link_ == nullptr || is_link_clean()))) {
        on_shutdown();
    }
}

void Session::say(const wire::Report& report) {
    std::string frame;
    wire::append_error(frame, report);
    reply(frame);
}

std::string_view Session::state() const {
    if (busy()) return "active";
    if (wait_ != Wait::Nothing) return "waiting";
    return transaction_ == wire::TransactionStatus::Idle ? "idle" : "idle in transaction";
}

std::optional<NodeId> Session::reads_at() const {
    if (link_ != nullptr) return link_->node;
    if (!chosen_) return std::nullopt;
    return chosen_->is_primary() ? around_.topology->primary : std::optional(chosen_->node);
}

std::vector<std::string> Session::explain_route(std::string_view sql) const {
    const auto analysed = around_.analyze(sql, options_);
    const route::Verdict verdict = with_prepared(
        *analysed.info, beside_temporaries(*analysed.info, judge(*analysed.slot, *analysed.info)));
    std::vector<std::string> lines =
        route::explain(verdict, *analysed.info, session_route(), *around_.topology, around_.config->routing,
                       around_.random());
    if (around_.config->mode == config::ClusterMode::Replication) {
        lines.push_back(explain_replication(*analysed.info, verdict));
    }
    return lines;
}

std::string Session::application_name() const {
    const std::string* name = reported_->find("application_name");
    return name != nullptr ? *name : std::string();
}

}  // namespace pgpool::exec
