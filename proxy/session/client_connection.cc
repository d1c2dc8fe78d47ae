// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/client_connection.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "common/obs/log.h"
#include "common/wire/error_fields.h"
#include "proxy/member/translate.h"
#include "proxy/session/worker.h"

namespace pgpool::session {

namespace {

constexpr milliseconds kFarewell{3000};  // for a client to read its last messages

std::array<char, 16> random16() {
    std::array<char, 16> bytes{};
    fill_secure_random(bytes.data(), bytes.size());
    return bytes;
}

// Bytes of a client that are kept before no more are read. In mode replication whole requests are held.
std::size_t max_held(config::ClusterMode mode) {
    constexpr std::size_t kLargest = std::size_t{16} << 20U;
    const bool is_replicated = mode == config::ClusterMode::Replication;
    return exec::Session::kMaxHeldInput + (is_replicated ? kLargest : 0);
}

bool is_admin(const config::Admin& admin, const std::string& user) {
    return std::find(admin.users.begin(), admin.users.end(), user) != admin.users.end();
}

ServerConnection& connection_of(exec::ServerLink& link) {
    return static_cast<ServerConnection&>(link);
}

}  // namespace

ClientConnection::ClientConnection(Worker& worker, UniqueFd fd, auth::PeerAddress peer, std::uint64_t id)
    : Stream(worker, std::move(fd)),
      id_(id),
      peer_(peer),
      connected_at_(std::chrono::system_clock::now()),
      login_(std::make_unique<ClientLogin>(peer, random16(), worker.shared().mock_secret)),
      wait_timer_(*this),
      idle_timer_(*this),
      query_timer_(*this) {}

ClientConnection::~ClientConnection() = default;

const bus::Connection& ClientConnection::ends() const {
    if (!ends_) ends_ = {member::endpoint_of(peer_address()), member::endpoint_of(local_address())};
    return *ends_;
}

void ClientConnection::begin() {
    const auto& limits = worker().config().limits;
    worker().loop().arm(idle_timer_, limits.login_timeout);
    auto place = worker().shared().ledger.admit_login(limits);
    if (!place) return refuse(place.error());
    login_place_ = std::move(*place);
}

bool ClientConnection::may_read() const {
    if (closing_ || congested() || kept_input().size() > max_held(worker().config().mode)) return false;
    if (!session_) return login_ != nullptr;
    return !session_->any_link(
        [](const exec::ServerLink& link) { return static_cast<const ServerConnection&>(link).congested(); });
}

std::size_t ClientConnection::on_bytes(ByteView bytes) {
    std::size_t used = 0;
    while (login_ && used < bytes.size() && !closing_ && !is_shut()) {
        const std::size_t now = log_in(bytes.substr(used));
        if (now == 0) return used;
        used += now;
    }
    if (session_ && !is_shut()) {
        const std::size_t taken = session_->pump(bytes.substr(used));
        pool_->history.total.received += taken;
        used += taken;
    }
    return closing_ ? bytes.size() : used;
}

std::size_t ClientConnection::log_in(ByteView bytes) {
    std::string send;
    const auto outcome = login_->on_bytes(bytes, worker().auth_tables().access, send);
    if (!send.empty()) queue(send);
    proceed(outcome.step);
    return outcome.used;
}

void ClientConnection::proceed(ClientLogin::Step step) {
    switch (step) {
        case ClientLogin::Step::NeedMore:
            break;
        case ClientLogin::Step::LookUp:
            look_up();
            break;
        case ClientLogin::Step::Done:
            authenticated();
            break;
        case ClientLogin::Step::Cancel:
            worker().cancel_requested({login_->cancel().pid, login_->cancel().secret});
            end();
            break;
        case ClientLogin::Step::Refused:
            refuse(login_->error());
            break;
        case ClientLogin::Step::Hangup:
            log::info("client_refused", {{"peer", peer_.text()}, {"reason", "malformed first packet"}});
            close();
            break;
    }
}

void ClientConnection::look_up() {
    const auto& users = worker().auth_tables().users;
    const auto known = users.find(login_->user());
    std::string send;
    if (known != users.end() || worker().config().auth.auth_user.empty()) {
        const auto step =
            login_->verifier_found(known != users.end() ? std::optional(known->second) : std::nullopt, send);
        if (!send.empty()) queue(send);
        return proceed(step);
    }
    if (is_looked_up_) worker().shared().auth_lookup->doubt(login_->user());
    is_looked_up_ = true;
    Shared& shared = worker().shared();
    const std::uint32_t index = worker().index();
    shared.auth_lookup->lookup(login_->user(), login_->database(),
                               [&shared, index, id = id_](const health::AuthLookup::Answer& answer) {
                                   shared.post_to_worker(index, [&shared, index, id, answer] {
                                       Worker::of(shared, index).verifier_found(id, answer);
                                   });
                               });
}

void ClientConnection::on_verifier(const health::AuthLookup::Answer& answer) {
    if (!login_ || closing_) return;
    if (!answer) return refuse(answer.error().within("auth_query"));
    std::optional<auth::Verifier> verifier;
    if (*answer) {
        auto parsed = auth::parse_verifier(**answer);
        if (parsed) verifier = std::move(*parsed);
    }
    std::string send;
    const auto step = login_->verifier_found(std::move(verifier), send);
    if (!send.empty()) queue(send);
    proceed(step);
    if (!closing_ && !is_shut()) reconsider_input();
}

void ClientConnection::authenticated() {
    const auto& config = worker().config();
    const std::string& user = login_->user();
    const std::string& database = login_->database();
    if (worker().draining()) return refuse({"the proxy is shutting down", sqlstate::kCannotConnectNow});
    if (login_->replication() != Replication::None) return worker().replicate(*this, std::move(login_));
    if (database == config.admin.database && !is_admin(config.admin, user)) {
        return refuse(
            {fmt::format("user \"{}\" is not in admin.users", user), sqlstate::kInvalidAuthorization});
    }
    const auto admitted = worker().shared().ledger.admit_client(user, database, config.limits);
    if (!admitted) return refuse(admitted.error());
    admitted_ = true;
    worker().shared().credentials.remember(login_->credentials());
    pool_ = &worker().pool(user, database);
    pool_->joined(worker().loop().now());
    key_ = worker().shared().cancels.add({worker().index(), id_}, secure_random());

    std::vector<exec::NameValues::Pair> settings;
    for (const auto& [name, value] : login_->settings()) {
        settings.emplace_back(to_lower_ascii(name), exec::startup_value(value));
    }
    exec::Session::Login login{.user = user,
                               .database = &worker().database(database),
                               .startup = worker().surroundings().names.make(std::move(settings)),
                               .pid = key_.pid,
                               .secret = key_.secret,
                               .statistics = &pool_->history.total};
    if (config.log.connections) {
        log::info("client_connected",
                  {{"peer", peer_.text()}, {"session", key_.pid}, {"user", user}, {"database", database}});
    }
    session_ = std::make_unique<exec::Session>(id_, std::move(login), worker().surroundings(), *this);
    login_.reset();
    login_place_.reset();
    idle_timer_.disarm();
    session_->start();
}

void ClientConnection::login_refused(const Error& error) {
    std::string_view user;
    std::string_view database;
    std::string reason = error.message;
    if (login_) {
        user = login_->user();
        database = login_->database();
        if (!login_->why_refused().empty()) {
            reason += fmt::format(": {}", login_->why_refused());
            if (is_looked_up_) worker().shared().auth_lookup->doubt(login_->user());
        }
    } else if (pool_ != nullptr) {
        user = pool_->user();
        database = pool_->database();
    }
    log::info("client_refused", {{"peer", peer_.text()},
                                 {"user", user},
                                 {"database", database},
                                 {"sqlstate", error.sqlstate.view()},
                                 {"reason", reason}});
}

void ClientConnection::refuse(const Error& error) {
    login_refused(error);
    std::string frame;
    wire::append_fatal(frame, error);
    queue(frame);
    close();
}

void ClientConnection::pump() {
    if (gone_ && !session_->must_finish()) return end();
    if (is_shut() || closing_) return;
    reconsider_input();
    if (session_ && session_->runs_script() && kept_input().empty()) static_cast<void>(session_->pump({}));
    if (half_closed_ && !is_shut() && !session_->busy_alone()) end();
}

std::size_t ClientConnection::on_server_bytes(ServerConnection& server, ByteView bytes) {
    const std::size_t used = session_->on_server_bytes(server, bytes);
    pump();
    return used;
}

void ClientConnection::on_server_lost(ServerConnection& server, std::string_view reason) {
    session_->on_link_lost(server, reason);
    pump();
}

void ClientConnection::on_server_free(ServerConnection& server) {
    session_->on_link(server);
    pump();
}

void ClientConnection::on_target_lost() {
    session_->on_target_lost();
    pump();
}

void ClientConnection::on_server_refused(ByteView error_body) {
    session_->on_link_refused(error_body);
    pump();
}

void ClientConnection::on_news() {
    session_->on_news();
    pump();
}

void ClientConnection::on_own_ready(const PendingAnswer& pending) {
    if (pending_.get() != &pending) return;  // the answer to something that was given up since
    session_->on_own_ready();
    pump();
}

void ClientConnection::on_cancel() {
    session_->on_cancel();
    pump();
}

void ClientConnection::on_deadlock(const replication::TransactionId& victim) {
    if (session_->participant().id != victim) return;  // that one is over
    log::info("deadlock_ended", {{"session", key_.pid},
                                 {"user", session_->login().user},
                                 {"database", session_->login().database->name}});
    session_->on_deadlock();
    pump();
}

void ClientConnection::on_drain() {
    if (session_) {
        session_->on_drain();
    } else {
        refuse({"the proxy is shutting down", sqlstate::kCannotConnectNow});
    }
}

void ClientConnection::kill() {
    if (session_) {
        session_->on_shutdown();
    } else if (!closing_) {
        refuse({"terminating connection due to administrator command", sqlstate::kAdminShutdown});
    }
}

void ClientConnection::server_drained() {
    wake();
}

void ClientConnection::on_drained() {
    if (session_) {
        std::vector<ServerConnection*> held;
        static_cast<void>(session_->any_link([&](exec::ServerLink& link) {
            held.push_back(&connection_of(link));
            return false;
        }));
        for (ServerConnection* server : held) server->input_wanted();
        pump();
    }
    if (!is_shut()) wake();
}

void ClientConnection::on_written() {
    if (closing_) end();
}

// A client that has sent its last and waits for no answer may still have one coming: what runs is let finish.
void ClientConnection::on_closed(int error) {
    if (error == 0 && session_ && session_->busy_alone() && !closing_) {
        half_closed_ = true;
        return;
    }
    end();
}

// end() follows when all is written, or when the client does not read it in time.
void ClientConnection::close() {
    closing_ = true;
    worker().mark_dirty(*this);
    if (!session_ || !session_->must_finish()) wait_timer_.disarm();
    query_timer_.disarm();
    worker().loop().arm(idle_timer_, kFarewell);
}

// What must be finished before it may be forgotten goes on without its socket.
void ClientConnection::end() {
    if (is_shut() && !gone_) return;
    if (session_ && !gone_) session_->on_client_gone();
    if (!is_shut()) shut();
    gone_ = session_ && session_->must_finish();
    if (gone_) return;
    leave();
    worker().client_ended(*this);
}

void ClientConnection::leave() {
    if (session_) {
        worker().shared().cancels.remove(key_);
        if (worker().config().log.connections) {
            log::info("client_disconnected", {{"peer", peer_.text()},
                                              {"session", key_.pid},
                                              {"user", session_->login().user},
                                              {"database", session_->login().database->name}});
        }
    }
    if (!admitted_) return;
    worker().shared().ledger.client_left(pool_->user(), pool_->database());
    pool_->left();
}

void ClientConnection::on_timer(net::Timer& fired) {
    const bool is_for_nodes = &fired == &wait_timer_ && session_ && session_->must_finish();
    if (closing_ && !gone_ && !is_for_nodes) return end();
    if (!session_)
        return refuse(
            {"canceling authentication due to timeout (login_timeout)", sqlstate::kCannotConnectNow});
    if (&fired == &wait_timer_ && more_patience_.count() > 0)
        return arm(exec::TimerKind::Wait, std::exchange(more_patience_, {}));
    if (&fired == &wait_timer_) session_->on_timer(exec::TimerKind::Wait);
    if (&fired == &idle_timer_) session_->on_timer(exec::TimerKind::Idle);
    if (&fired == &query_timer_) session_->on_timer(exec::TimerKind::Query);
    pump();
}

net::Timer& ClientConnection::timer(exec::TimerKind kind) {
    switch (kind) {
        case exec::TimerKind::Wait:
            return wait_timer_;
        case exec::TimerKind::Idle:
            return idle_timer_;
        case exec::TimerKind::Query:
            break;
    }
    return query_timer_;
}

void ClientConnection::reply(ByteView bytes) {
    pool_->history.total.sent += bytes.size();
    queue(bytes);
}
void ClientConnection::send(exec::ServerLink& link, ByteView bytes) {
    connection_of(link).queue(bytes);
}

exec::ServerLink* ClientConnection::acquire(const route::Target& target) {
    ServerConnection* server = worker().acquire(*pool_, *this, target);
    if (server != nullptr) server->lend(*this);
    return server;
}

void ClientConnection::withdraw() {
    worker().withdraw(*pool_, *this);
}

void ClientConnection::release(exec::ServerLink& link, exec::Disposal disposal) {
    worker().released(connection_of(link), disposal);
}

bool ClientConnection::connection_wanted() {
    return pool_->waiting() > 0 || worker().shared().ledger.any_wish();
}

void ClientConnection::cancel(exec::ServerLink& link) {
    worker().cancel_at_node(connection_of(link));
}

void ClientConnection::await_news() {
    worker().await_news(*this);
}

void ClientConnection::arm(exec::TimerKind kind, milliseconds after) {
    worker().loop().arm(timer(kind), after);
}
void ClientConnection::disarm(exec::TimerKind kind) {
    timer(kind).disarm();
    if (kind == exec::TimerKind::Wait) more_patience_ = {};
}
void ClientConnection::ddl_seen() {
    worker().ddl_seen(session_->login().database->name);
    const auto& lookup = worker().shared().auth_lookup;
    if (changes_verifiers_ && lookup) lookup->forget();
}
void ClientConnection::facts_wanted() {
    worker().facts_wanted(*session_->login().database);
}
void ClientConnection::statement(std::string_view sql, const exec::ServerLink* at) {
    log::info("statement", {{"session", key_.pid},
                            {"user", pool_->user()},
                            {"database", pool_->database()},
                            {"node", at != nullptr ? worker().name_of(at->node) : "-"},
                            {"sql", sql}});
}
void ClientConnection::node_suspect(NodeId node) {
    worker().node_suspect(node, "a session saw an error");
}

void ClientConnection::node_failed(NodeId node, std::uint64_t epoch, cluster::Sign sign,
                                   std::string_view reason) {
    worker().node_failed(node, epoch, sign, reason);
}

void ClientConnection::mark_refused(std::uint64_t epoch) {
    if (worker().shared().decider != nullptr) worker().shared().decider->mark_refused(epoch);
}

void ClientConnection::prepared_left(std::uint64_t epoch) {
    if (worker().shared().decider != nullptr) worker().shared().decider->prepared_left(epoch);
}

std::shared_ptr<exec::Vacancy> ClientConnection::vacate(const sql::DatabaseUse& use) {
    return AskedVacancy::ask(worker(), id_, use);
}

// The patience has two halves. When the process was stopped for longer than that, the first one is over at
// once, and whoever is to answer still has the second.
exec::OwnAnswer ClientConnection::own_command(const sql::Statement& statement, exec::Run run) {
    OwnOutcome outcome = worker().shared().run_own_command(worker(), *this, statement, run);
    if (auto* result = std::get_if<Result<exec::OwnResult>>(&outcome)) return std::move(*result);
    auto& promise = std::get<Promise>(outcome);
    pending_ = std::move(promise.pending);
    more_patience_ = promise.patience / 2;
    return promise.patience - more_patience_;
}

Result<exec::OwnResult> ClientConnection::own_result() {
    return std::exchange(pending_, nullptr)->take();
}

}  // namespace pgpool::session
