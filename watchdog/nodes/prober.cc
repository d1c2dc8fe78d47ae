// SPDX-License-Identifier: PostgreSQL
#include "watchdog/nodes/prober.h"

#include <poll.h>

#include <array>
#include <utility>

#include "common/pg/resolve.h"

namespace pgpool::nodes {

namespace {

// A name server that is slow must not delay the verdict on a node that has just died.
constexpr seconds kLookUpEvery{10};

pg::ConnectParams with_silence(pg::ConnectParams login, milliseconds silence) {
    login.silence = silence;
    return login;
}

decide::Finding finding_of(const pg::ClientError& error) {
    if (error.sqlstate == sqlstate::kTooManyConnections) return decide::Finding::Busy;
    return decide::finding_of(error.reach);
}

}  // namespace

Prober::Prober(std::size_t node, pg::ConnectParams login, ProbePace pace, Told told)
    : node_(node),
      login_(with_silence(std::move(login), pace.silence)),
      pace_(pace),
      told_(std::move(told)),
      thread_([this] { run(); }) {}

Prober::~Prober() {
    is_stopping_ = true;
    wakeup_.wake();
    thread_.join();
}

void Prober::hurry() {
    hurried_until_ = (SteadyClock::now() + pace_.hurry).time_since_epoch().count();
    wakeup_.wake();
}

void Prober::run() {
    while (!is_stopping_) {
        Probe result = probe();
        if (is_stopping_) return;
        const TimePoint begun = result.begun;
        const bool is_well = result.facts.has_value();
        told_(std::move(result));
        wait(begun, is_well);
    }
}

Probe Prober::probe() {
    Probe result{.node = node_, .begun = SteadyClock::now(), .ended = {}, .detail = {}, .facts = {}};
    const auto failed = [&](const pg::ClientError& error) {
        result.finding = finding_of(error);
        result.detail = error.message;
        result.ended = SteadyClock::now();
        return result;
    };
    const TimePoint deadline = result.begun + pace_.timeout;
    if (!client_ || !client_->check_idle()) {
        if (const auto error = connect(deadline)) return failed(*error);
    }
    const auto rows = ask(deadline);
    if (!client_->usable()) client_.reset();
    if (!rows) return failed(rows.error());
    auto facts = rows->empty() ? fail(sqlstate::kProtocolViolation, "the probe has no answer")
                               : read_facts(rows->text(0, 0));
    if (!facts) return failed({cluster::Reach::Query, facts.error().sqlstate, facts.error().message});
    result.facts = std::move(*facts);
    result.ended = SteadyClock::now();
    return result;
}

pg::ClientResult<pg::Rows> Prober::ask(TimePoint deadline) {
    constexpr SqlState kInsufficientPrivilege{"42501"};
    auto rows = client_->query(facts_query(depth_), {}, deadline);
    if (rows || rows.error().sqlstate != kInsufficientPrivilege || depth_ != FactsDepth::Full) return rows;
    depth_ = FactsDepth::WithoutHistory;
    return client_->query(facts_query(depth_), {}, deadline);
}

std::optional<pg::ClientError> Prober::connect(TimePoint deadline) {
    client_.reset();
    if (auto error = look_up(deadline)) return error;
    auto client = pg::Client::connect(login_, deadline, &is_stopping_);
    if (!client) return client.error();
    client_ = std::move(*client);
    return std::nullopt;
}

std::optional<pg::ClientError> Prober::look_up(TimePoint deadline) {
    const TimePoint now = SteadyClock::now();
    if (!login_.addresses.empty() && now - looked_up_ < kLookUpEvery) return std::nullopt;
    looked_up_ = now;
    auto found = pg::resolve(login_.host, deadline, &is_stopping_);
    if (found && !found->empty()) login_.addresses = std::move(*found);
    if (!login_.addresses.empty()) return std::nullopt;
    return pg::ClientError{cluster::Reach::Unresolved, sqlstate::kCannotConnect,
                           found ? "the name has no address" : found.error().message};
}

void Prober::wait(TimePoint begun, bool is_well) {
    while (!is_stopping_) {
        const TimePoint now = SteadyClock::now();
        const bool is_hurried = now < TimePoint(Duration(hurried_until_.load()));
        const TimePoint due = begun + (is_well && !is_hurried ? pace_.well : pace_.trouble);
        if (due <= now) return;
        const auto left = std::chrono::ceil<milliseconds>(due - now);
        std::array<pollfd, 2> watched{{{wakeup_.fd(), POLLIN, 0}, {-1, POLLIN, 0}}};
        if (client_) watched[1].fd = client_->socket();
        ::poll(watched.data(), watched.size(), static_cast<int>(left.count()));
        if (watched[0].revents != 0) {
            wakeup_.drain();
            return;
        }
        if (watched[1].revents != 0 && !client_->check_idle()) return tell_session_end();
    }
}

// Whether a backend was ended or the server, the next probe tells, at once.
void Prober::tell_session_end() {
    client_.reset();
    const TimePoint now = SteadyClock::now();
    told_({.node = node_,
           .begun = now,
           .ended = now,
           .finding = decide::Finding::SessionEnded,
           .detail = "the server has ended the session",
           .facts = {}});
}

}  // namespace pgpool::nodes
