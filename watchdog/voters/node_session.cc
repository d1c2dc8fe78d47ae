// SPDX-License-Identifier: PostgreSQL
#include "watchdog/voters/node_session.h"

#include <poll.h>

#include <utility>

#include "common/base/error.h"
#include "common/page/boot_now.h"
#include "common/pg/connect_error.h"
#include "watchdog/voters/node_sql.h"

namespace pgpool::voters {

NodeSession::NodeSession(pg::ConnectParams params, const std::string& address,
                         const lease::Parameters& parameters)
    : params_(std::move(params)),
      parameters_(parameters),
      connection_(pg::start_connection(params_, address, pg::HomeFiles::Ignored)) {}

void NodeSession::fail(std::string reason) {
    steps_.clear();
    happenings_.emplace_back(Failed{std::move(reason)});
}

void NodeSession::ask(const lease::Question& question, Command command) {
    PGPOOL_ASSERT(connecting_ == PGRES_POLLING_OK && steps_.empty());
    question_ = question;
    command_ = std::move(command);
    if (question.kind == lease::Question::Kind::Lock) {
        steps_ = {Step::Lock};
    } else {
        if (question.kind == lease::Question::Kind::Run) steps_.push_back(Step::Command);
        if (question.record > recorded_) steps_.push_back(Step::Record);
        steps_.push_back(Step::Probe);
    }
    send_next();
}

short NodeSession::events() const {
    if (connecting_ != PGRES_POLLING_OK) return connecting_ == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    return is_unsent_ ? POLLIN | POLLOUT : POLLIN;
}

std::vector<NodeSession::Happening> NodeSession::proceed() {
    if (connecting_ != PGRES_POLLING_OK) {
        connect_further();
    } else {
        read();
    }
    return std::exchange(happenings_, {});
}

void NodeSession::connect_further() {
    if (::PQstatus(connection_.get()) != CONNECTION_BAD) connecting_ = ::PQconnectPoll(connection_.get());
    if (::PQstatus(connection_.get()) == CONNECTION_BAD || connecting_ == PGRES_POLLING_FAILED) {
        const pg::ConnectFailure failure = pg::classify_connect_failure(::PQerrorMessage(connection_.get()));
        return fail(node_sql::explain(failure.sqlstate, failure.message));
    }
    if (connecting_ != PGRES_POLLING_OK) return;
    ::PQsetnonblocking(connection_.get(), 1);
    steps_ = {Step::Setup};
    send_next();
}

std::string NodeSession::text_of(Step step) const {
    switch (step) {
        case Step::Setup:
            return node_sql::setup(parameters_);
        case Step::Rights:
            return std::string(node_sql::rights());
        case Step::Lock:
            return std::string(node_sql::lock());
        case Step::Command:
            if (command_.guard == Command::Guard::None) return command_.sql;
            return node_sql::guarded(command_.sql, question_.not_after);
        case Step::Record:
            return node_sql::record(question_.record);
        case Step::Probe:
            return std::string(node_sql::probe());
    }
    return {};
}

void NodeSession::send_next() {
    if (steps_.empty()) return;
    result_ = pg::Rows();
    sent_ = page::boot_now();
    // With parameters, though there are none: a text of several statements is refused then.
    const std::string text = text_of(steps_.front());
    const bool is_taken =
        ::PQsendQueryParams(connection_.get(), text.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0) != 0;
    const int unsent = is_taken ? ::PQflush(connection_.get()) : -1;
    if (unsent < 0) return fail(::PQerrorMessage(connection_.get()));
    is_unsent_ = unsent > 0;
}

void NodeSession::read() {
    if (is_unsent_) {
        const int unsent = ::PQflush(connection_.get());
        if (unsent < 0) return fail(::PQerrorMessage(connection_.get()));
        is_unsent_ = unsent > 0;
    }
    if (::PQconsumeInput(connection_.get()) == 0) {
        return fail(pg::classify_connect_failure(::PQerrorMessage(connection_.get())).message);
    }
    while (::PQisBusy(connection_.get()) == 0 && !steps_.empty()) {
        const pg::ResultHandle result(::PQgetResult(connection_.get()));
        if (result == nullptr) {
            const Step step = steps_.front();
            steps_.pop_front();
            finished(step, std::exchange(result_, {}));
            continue;
        }
        const ExecStatusType status = ::PQresultStatus(result.get());
        if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
            result_ = pg::rows_of(result.get());
        } else if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
            return fail("COPY cannot be run in a lease session");
        } else {
            result_ = tl::unexpected(pg::error_of(result.get()));
        }
    }
    if (::PQstatus(connection_.get()) == CONNECTION_BAD) fail("the server ended the session");
}

void NodeSession::finished(Step step, const pg::ClientResult<pg::Rows>& outcome) {
    // A server that ended the session has said so in the last result.
    const bool is_over = ::PQstatus(connection_.get()) == CONNECTION_BAD;
    if (step == Step::Command && (outcome || !is_over)) {
        was_run(outcome);
    } else if (step == Step::Record && !is_over && !outcome) {
        happenings_.emplace_back(NotRecorded{outcome.error().message});
    } else if (!outcome) {
        return fail(node_sql::explain(outcome.error().sqlstate, outcome.error().message));
    }
    switch (step) {
        case Step::Setup:
            was_set_up(*outcome);
            break;
        case Step::Rights:
            if (const auto missing = node_sql::missing_grants(*outcome, params_.user)) {
                return fail("the role lacks rights: " + *missing);
            }
            happenings_.emplace_back(Opened{});
            break;
        case Step::Lock:
            was_locked(*outcome);
            break;
        case Step::Record:
            if (outcome) recorded_ = question_.record;
            break;
        case Step::Probe:
            was_probed(*outcome);
            break;
        case Step::Command:
            break;
    }
    send_next();
}

void NodeSession::was_set_up(const pg::Rows& rows) {
    if (node_sql::is_superuser(rows)) {
        happenings_.emplace_back(Opened{});
    } else {
        steps_ = {Step::Rights};
    }
}

void NodeSession::was_locked(const pg::Rows& rows) {
    const auto locked = node_sql::read_locked(rows);
    if (!locked) return fail("the node answered the lock with something else");
    has_lock_ = locked->has_lock;
    recorded_ = locked->recorded;
    happenings_.emplace_back(
        Answered{{.has_lock = has_lock_, .epoch = recorded_, .server_clock = locked->clock}});
}

void NodeSession::was_run(const pg::ClientResult<pg::Rows>& outcome) {
    using Kind = CommandOutcome::Kind;
    Ran ran{question_.command, {Kind::Done, {}}};
    if (!outcome) {
        ran.outcome = {Kind::Failed, outcome.error().message};
    } else if (command_.guard == Command::Guard::ServerClock) {
        const bool was_open = !outcome->empty() && outcome->is_true(0, 0);
        ran.outcome = was_open
                          ? CommandOutcome{Kind::Done, std::string(outcome->text(0, 1))}
                          : CommandOutcome{Kind::TooLate, "the server's clock is past the end of the lease"};
    } else if (!outcome->empty()) {
        ran.outcome.text = outcome->text(0, 0);
    }
    happenings_.emplace_back(std::move(ran));
}

void NodeSession::was_probed(const pg::Rows& rows) {
    auto observation = node_sql::read_probe(rows);
    if (!observation) return fail("the node answered the probe with something else");
    observation->round_trip = page::boot_now() - sent_;
    happenings_.emplace_back(Observed{*observation});
    // The lock lasts as long as the session, and nobody else writes what is recorded.
    happenings_.emplace_back(
        Answered{{.has_lock = has_lock_, .epoch = recorded_, .server_clock = observation->clock}});
}

}  // namespace pgpool::voters
