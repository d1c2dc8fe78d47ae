// SPDX-License-Identifier: PostgreSQL
#include "proxy/health/node_prober.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/pg/own_session.h"
#include "common/pg/resolve.h"

namespace pgpool::health {

namespace {

using cluster::ProbeResult;
using cluster::Reach;

// Names are resolved anew only when the known addresses keep failing: a slow resolver must not delay the
// verdict on a node that just died.
constexpr std::uint32_t kFailuresBeforeResolving = 3;
constexpr seconds kResolveEvery{10};

ProbeResult failed(const pg::ClientError& error) {
    ProbeResult result;
    result.reach = error.reach;
    result.reason = error.message;
    result.life_sign = error.sqlstate == sqlstate::kTooManyConnections;
    return result;
}

bool same_login(const config::Health& left, const config::Health& right) {
    return left.user == right.user && left.password == right.password && left.database == right.database;
}

}  // namespace

NodeProber::NodeProber(Node node, config::Health health, Pace pace, const PrimarySearch& search,
                       Report report)
    : node_(std::move(node)),
      search_(search),
      report_(std::move(report)),
      new_health_(std::move(health)),
      new_pace_(pace),
      thread_([this] { run(); }) {}

NodeProber::~NodeProber() {
    request_stop();
    thread_.join();
}

void NodeProber::request_stop() {
    stop_.store(true, std::memory_order_relaxed);
    wake();
}

void NodeProber::kick(TimePoint until) {
    kicked_until_.store(until.time_since_epoch().count(), std::memory_order_relaxed);
    wake();
}

void NodeProber::use(const config::Health& health, const Pace& pace) {
    {
        const std::lock_guard lock(mutex_);
        new_health_ = health;
        new_pace_ = pace;
        settings_changed_ = true;
    }
    wake();
}

void NodeProber::run() {
    Session session;
    while (!stop_.load(std::memory_order_relaxed)) {
        take_settings(session);
        session.started_at = SteadyClock::now();
        session.lost = false;
        ProbeResult result = probe(session);
        result.took = SteadyClock::now() - session.started_at;
        if (stop_.load(std::memory_order_relaxed)) return;
        note(session, result.reach);
        report_(node_.id, std::move(result));
        wait(session);
    }
}

void NodeProber::take_settings(Session& session) {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(settings_changed_, false)) return;
    if (!same_login(session.health, new_health_)) {
        session.client.reset();
        session.depth = ProbeDepth::Full;
    }
    session.health = new_health_;
    session.pace = new_pace_;
}

ProbeResult NodeProber::probe(Session& session) {
    const TimePoint deadline = session.started_at + session.health.timeout;
    if (!session.client || !session.client->check_idle()) {
        if (auto error = connect(session, deadline)) return failed(*error);
    }
    pg::ClientResult<pg::Rows> rows = ask(session, deadline);
    if (!rows && !session.client->usable()) {
        const Reach reach = rows.error().reach;
        session.client.reset();
        if (reach == Reach::Timeout) return failed(rows.error());
        // Lost while asking: only a new attempt tells whether the server is gone.
        if (auto error = connect(session, deadline)) return failed(*error);
        rows = ask(session, deadline);
    }
    if (!rows) return failed(rows.error());
    Result<ProbeResult> result = read_probe(*rows);
    if (!result) return failed({Reach::Query, result.error().sqlstate, result.error().message});
    result->addresses = session.addresses;
    result->sent = session.started_at;
    return std::move(*result);
}

pg::ClientResult<pg::Rows> NodeProber::ask(Session& session, TimePoint deadline) {
    constexpr SqlState kInsufficientPrivilege{"42501"};
    pg::ClientResult<pg::Rows> rows = session.client->query(probe_query(session.depth), {}, deadline);
    if (!rows && rows.error().sqlstate == kInsufficientPrivilege && session.depth == ProbeDepth::Full) {
        session.depth = ProbeDepth::Limited;
        rows = session.client->query(probe_query(session.depth), {}, deadline);
    }
    return rows;
}

std::optional<pg::ClientError> NodeProber::connect(Session& session, TimePoint deadline) {
    session.client.reset();
    if (auto error = refresh_addresses(session, deadline)) return error;
    pg::ConnectParams params = pg::own_params(node_, pg::own_login(session.health, pg::OwnSession::Health));
    params.addresses = session.addresses;
    auto client = pg::Client::connect(params, deadline, &stop_);
    if (!client) {
        ++session.connect_failures;
        return client.error();
    }
    session.connect_failures = 0;
    session.client = std::move(*client);
    return std::nullopt;
}

std::optional<pg::ClientError> NodeProber::refresh_addresses(Session& session, TimePoint deadline) {
    const TimePoint now = SteadyClock::now();
    const bool stale =
        session.connect_failures >= kFailuresBeforeResolving && now - session.resolved_at >= kResolveEvery;
    if (!session.addresses.empty() && !stale) return std::nullopt;
    session.resolved_at = now;
    Result<std::vector<std::string>> resolved = pg::resolve(node_.host, deadline, &stop_);
    if (resolved && !resolved->empty()) {
        session.addresses = std::move(*resolved);
        return std::nullopt;
    }
    if (!session.addresses.empty()) return std::nullopt;
    const Error error =
        resolved ? Error{"the name has no address", sqlstate::kCannotConnect} : resolved.error();
    return pg::ClientError{Reach::Unresolved, error.sqlstate, error.message};
}

void NodeProber::note(Session& session, Reach reach) {
    session.reach = reach;
    if (reach == Reach::Ok) {
        session.trouble_since.reset();
    } else if (!session.trouble_since) {
        session.trouble_since = SteadyClock::now();
    }
}

// The next probe, a new attempt to connect, is due at once; a server that closes every connection is not
// flooded.
void NodeProber::note_loss(Session& session) {
    session.client.reset();
    session.lost = true;
}

TimePoint NodeProber::due(const Session& session, TimePoint now) const {
    Situation situation;
    situation.now = now;
    situation.connection_lost = session.lost;
    situation.reach = session.reach;
    situation.trouble_since = session.trouble_since;
    situation.kicked_until = TimePoint(Duration(kicked_until_.load(std::memory_order_relaxed)));
    situation.no_primary_since = search_.since();
    return session.started_at + next_interval(situation, session.pace);
}

void NodeProber::wait(Session& session) {
    while (!stop_.load(std::memory_order_relaxed)) {
        const TimePoint now = SteadyClock::now();
        const auto left = std::chrono::ceil<milliseconds>(due(session, now) - now);
        if (left <= milliseconds(0)) return;
        std::array<pollfd, 2> watched{{{wakeup_.fd(), POLLIN, 0}, {-1, POLLIN, 0}}};
        if (session.client) watched[1].fd = session.client->socket();
        ::poll(watched.data(), watched.size(), static_cast<int>(left.count()));
        if (watched[0].revents != 0) {
            wakeup_.drain();
            take_settings(session);
        }
        if (watched[1].revents != 0 && !session.client->check_idle()) note_loss(session);
    }
}

}  // namespace pgpool::health
