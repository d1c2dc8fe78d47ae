// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/replication_connection.h"

#include <fmt/core.h>

#include <utility>

#include "common/obs/log.h"
#include "common/wire/encoder.h"
#include "common/wire/error_fields.h"
#include "proxy/session/walsender_text.h"
#include "proxy/session/worker.h"

namespace pgpool::session {

namespace {

constexpr milliseconds kSeekAgain{50};
constexpr std::size_t kMaxHeldInput = std::size_t{64} << 10U;  // of a client that has no walsender yet

constexpr milliseconds kFactsPatience{5000};

std::string setting_of(const ClientLogin& login, std::string_view wanted) {
    for (const auto& [name, value] : login.settings()) {
        if (name == wanted) return value;
    }
    return {};
}

Error cannot_write(const std::string& why) {
    return {"this cannot be replicated: a replication connection writes on one node only: " + why,
            sqlstate::kFeatureNotSupported, "Connect without replication=database to write."};
}

Error lost_node(std::string_view reason) {
    return {fmt::format("lost the node of this replication connection: {}", reason),
            sqlstate::kConnectionFailure};
}

Error shutting_down() {
    return {"terminating connection due to administrator command", sqlstate::kAdminShutdown};
}

}  // namespace

ReplicationConnection::ReplicationConnection(Worker& worker, Remains remains, const Origin& origin,
                                             const ClientLogin& login)
    : Stream(worker, std::move(remains)),
      origin_(origin),
      began_(worker.loop().now()),
      user_(login.user()),
      database_(login.database()),
      application_name_(setting_of(login, "application_name")),
      encoding_(setting_of(login, "client_encoding")),
      startup_(login.startup()),
      key_(worker.shared().cancels.add({worker.index(), origin.id}, secure_random())),
      is_judged_(worker.config().mode == config::ClusterMode::Replication &&
                 login.replication() == Replication::Logical),
      timer_(*this) {
    worker.shared().credentials.remember(login.credentials());
}

ReplicationConnection::~ReplicationConnection() = default;

void ReplicationConnection::start() {
    const auto& config = worker().config();
    if (database_ == config.admin.database) {
        return say_last({"the admin database has no replication", sqlstate::kFeatureNotSupported});
    }
    const auto admitted = worker().shared().ledger.admit_client(user_, database_, config.limits);
    if (!admitted) return say_last(admitted.error());
    is_admitted_ = true;
    seek();
}

// A walsender of the primary of the moment; until there is one that lets us in, again and again.
void ReplicationConnection::seek() {
    if (walsender_) return;
    give_up_seeking();
    if (state_ == State::Seeking && !open()) worker().loop().arm(timer_, kSeekAgain);
}

bool ReplicationConnection::open() {
    const auto node = worker().surroundings().topology->primary;
    const auto address = node ? worker().address_of(*node) : std::nullopt;
    if (!address) return false;
    Shared& shared = worker().shared();
    const std::uint64_t version = shared.ledger.version();
    if (refused_at_ == version) return false;
    if (!worker().reserve_apart(ledger_key(*node), origin_.id)) {
        refused_at_ = version;
        return false;
    }
    withdraw_wish();
    auto fd = net::start_connect(*address);
    if (!fd) {
        shared.addresses.distrust(*address);
        shared.ledger.release_apart(ledger_key(*node));
        worker().node_suspect(*node, fd.error().message);
        return false;
    }
    std::array<char, 16> random{};
    fill_secure_random(random.data(), random.size());
    walsender_ = std::make_unique<WalsenderConnection>(
        worker(), *this, *node, *address, std::move(*fd),
        ReplicationLogin(ServerLogin(shared.credentials.find(user_), random, startup_), key_));
    return true;
}

void ReplicationConnection::withdraw_wish() {
    worker().shared().ledger.withdraw_wishes(user_, database_, {worker().index(), origin_.id});
}

void ReplicationConnection::give_up_seeking() {
    const auto& config = worker().config();
    const bool has_primary = worker().surroundings().topology->primary.has_value();
    const milliseconds limit = has_primary ? config.pool.wait_timeout : config.health.failover_park_timeout;
    if (worker().loop().now() - began_ < limit) return;
    if (has_primary) {
        say_last({fmt::format("no server connection could be opened within {} ms (pool.wait_timeout)",
                              limit.count()),
                  sqlstate::kTooManyConnections});
    } else {
        say_last({cluster::no_primary_within(limit, *worker().surroundings().topology),
                  sqlstate::kCannotConnectNow,
                  "See SHOW POOL_NODES; the admin database answers it also without a primary."});
    }
}

void ReplicationConnection::seek_again(std::string_view reason) {
    worker().node_suspect(walsender_->node(), reason);
    drop_walsender();
    worker().loop().arm(timer_, kSeekAgain);
}

void ReplicationConnection::drop_walsender() {
    if (!walsender_) return;
    worker().shared().ledger.release_apart(ledger_key(walsender_->node()));
    walsender_->close();
    worker().loop().dispose(std::move(walsender_));
}

void ReplicationConnection::on_logged_in(ByteView welcome) {
    state_ = State::Relaying;
    was_relaying_ = true;
    log::info("replication_connected", {{"peer", origin_.peer.text()},
                                        {"user", user_},
                                        {"database", database_},
                                        {"node", worker().name_of(walsender_->node())}});
    timer_.disarm();
    queue(welcome);
    wake();
    reconsider_input();
}

// As for every login: a node that is starting or stopping is waited for, what it says of this user or
// database is for the client. It also hears that there are no walsenders left: it knows how to wait.
void ReplicationConnection::on_login_refused(ByteView error_body) {
    const wire::ErrorFields fields = wire::read_error_fields(error_body);
    if (fields.sqlstate.starts_with("57P")) return seek_again(fields.message);
    log::warning("server_login_refused", {{"node", worker().name_of(walsender_->node())},
                                          {"user", user_},
                                          {"database", database_},
                                          {"sqlstate", fields.sqlstate},
                                          {"reason", fields.message}});
    std::string frame;
    wire::append_frame(frame, wire::backend::kErrorResponse, wire::as_fatal(error_body));
    queue(frame);
    state_ = State::Ending;
    drop_walsender();
}

void ReplicationConnection::on_node_bytes(ByteView bytes) {
    if (state_ == State::Stopping) bytes = bytes.substr(0, boundary_.rest_of_message(bytes));
    boundary_.pass(bytes);
    queue(bytes);
    if (state_ == State::Stopping && boundary_.between_messages()) say_last(last_words_);
}

// An end of which the client knows needs no words of ours: it has asked for it, or the walsender has said so,
// with CommandComplete when its node is shut down, or with an error.
void ReplicationConnection::on_node_closed() {
    const char last = boundary_.last_type();
    const bool was_told = last == wire::backend::kCommandComplete || last == wire::backend::kErrorResponse;
    const bool has_asked = said_.last_type() == wire::frontend::kTerminate;
    if ((!was_told && !has_asked) || state_ != State::Relaying)
        return on_node_lost("the node closed the connection");
    if (!has_asked) worker().node_suspect(walsender_->node(), "a walsender ended");
    drop_walsender();
    state_ = State::Ending;
    wake();
}

void ReplicationConnection::on_node_lost(std::string_view reason) {
    if (state_ == State::Seeking) return seek_again(reason);
    if (state_ == State::Left) return end();
    worker().node_suspect(walsender_->node(), reason);
    say_last(lost_node(reason));
}

void ReplicationConnection::on_node_written() {
    if (state_ == State::Left) end();
}

void ReplicationConnection::on_topology() {
    const auto& topology = *worker().surroundings().topology;
    refused_at_ = 0;
    if (!walsender_) {
        if (state_ == State::Seeking) seek();
        return;
    }
    const cluster::NodeStatus* node = topology.find(walsender_->node());
    if (node == nullptr || node->state == cluster::NodeState::Down)
        return on_node_lost("its node is down or removed");
    if (!topology.primary || *topology.primary == walsender_->node()) return;
    const std::string_view reason = "its node is no longer the primary";
    if (state_ != State::Relaying) return on_node_lost(reason);
    stop(lost_node(reason));
}

void ReplicationConnection::on_cancel() {
    if (state_ == State::Relaying) worker().cancel_at_node(*walsender_);
}

void ReplicationConnection::on_drain() {
    if (state_ == State::Seeking || state_ == State::Relaying) stop(shutting_down());
}

// The end, but not in the middle of a message.
void ReplicationConnection::stop(const Error& error) {
    if (boundary_.between_messages()) return say_last(error);
    state_ = State::Stopping;
    last_words_ = error;
}

// In the middle of a message of a node that is gone nothing can be said: the client sees the end only.
void ReplicationConnection::say_last(const Error& error) {
    log::info("replication_ended", {{"peer", origin_.peer.text()},
                                    {"user", user_},
                                    {"database", database_},
                                    {"sqlstate", error.sqlstate.view()},
                                    {"reason", error.message}});
    if (boundary_.between_messages()) {
        std::string frame;
        wire::append_fatal(frame, error);
        queue(frame);
    }
    state_ = State::Ending;
    timer_.disarm();
    if (walsender_) walsender_->give_up();
    drop_walsender();
    wake();
}

std::size_t ReplicationConnection::on_bytes(ByteView bytes) {
    if (state_ == State::Seeking) return 0;
    if (state_ != State::Relaying) return bytes.size();
    if (is_judged_) return relay_judged(bytes);
    relay(bytes);
    return bytes.size();
}

void ReplicationConnection::relay(ByteView bytes) {
    said_.pass(bytes);
    walsender_->queue(bytes);
}

// A Query is held back until all of it is there. The node itself refuses the extended protocol here.
std::size_t ReplicationConnection::relay_judged(ByteView bytes) {
    std::size_t used = 0;
    while (used < bytes.size() && state_ == State::Relaying) {
        const ByteView rest = bytes.substr(used);
        ByteView next = rest.substr(0, said_.rest_of_message(rest));
        if (said_.between_messages()) {
            const auto [frame, error] = wire::next_frame(rest);
            if (error == wire::FrameError::NeedMore) break;
            if (!error && frame.type == wire::frontend::kQuery) {
                if (frame.size > kMaxWalsenderText)
                    return say_last(cannot_write("a long text")), bytes.size();
                if (!frame.complete() || !may_pass(text_of_query(frame))) break;
            }
            next = error ? rest : frame.bytes;
        }
        relay(next);
        used += next.size();
    }
    return state_ == State::Relaying ? used : bytes.size();
}

bool ReplicationConnection::may_pass(std::string_view text) {
    if (is_replication_command(text)) return true;
    const sql::CatalogFacts* known = facts();
    if (known == nullptr && !has_waited_long_) {
        if (!timer_.armed()) worker().loop().arm(timer_, kFactsPatience);
        return false;
    }
    timer_.disarm();
    has_waited_long_ = false;
    if (known == nullptr) {
        stop({"the catalogs could not be read in time", sqlstate::kSerializationFailure});
        return false;
    }
    const std::string why = why_not_passed_on(text, *known, encoding_);
    if (!why.empty()) stop(cannot_write(why));
    return why.empty();
}

// None if they are older than what was changed.
const sql::CatalogFacts* ReplicationConnection::facts() {
    const exec::Database& database = worker().database(database_);
    const bool is_new = database.facts && !database.marks->is_ddl_committing() &&
                        database.facts->as_of > database.marks->last_ddl();
    if (!is_new) worker().facts_wanted(database);
    return is_new ? database.facts.get() : nullptr;
}

void ReplicationConnection::on_facts() {
    if (is_judged_ && state_ == State::Relaying) reconsider_input();
}

bool ReplicationConnection::may_read() const {
    if (state_ == State::Seeking) return kept_input().size() < kMaxHeldInput;
    return state_ != State::Relaying || !walsender_->congested();
}

void ReplicationConnection::on_drained() {
    if (walsender_) walsender_->wake();
}

void ReplicationConnection::on_written() {
    if (state_ == State::Ending) end();
}

// What it said before it left is still for the node: its Terminate, the end of a COPY.
void ReplicationConnection::on_closed(int /*error*/) {
    if (state_ != State::Relaying || walsender_->queued() == 0) return end();
    state_ = State::Left;
    shut();
    worker().loop().arm(timer_, worker().config().pool.connect_timeout);
}

void ReplicationConnection::end() {
    if (std::exchange(state_, State::Ended) == State::Ended) return;
    shut();
    timer_.disarm();
    drop_walsender();
    withdraw_wish();
    worker().shared().cancels.remove(key_);
    if (is_admitted_) worker().shared().ledger.client_left(user_, database_);
    if (was_relaying_) {
        log::info("replication_disconnected", {{"peer", origin_.peer.text()}, {"user", user_}});
    }
    worker().replication_ended(*this);
}

void ReplicationConnection::on_timer(net::Timer& /*timer*/) {
    if (state_ == State::Seeking) seek();
    if (state_ == State::Left) return end();
    if (state_ != State::Relaying) return;
    has_waited_long_ = true;
    reconsider_input();
}

}  // namespace pgpool::session
