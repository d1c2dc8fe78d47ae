// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/server_connection.h"

#include <system_error>

#include "common/obs/log.h"
#include "common/wire/encoder.h"
#include "common/wire/error_fields.h"
#include "common/wire/messages.h"
#include "proxy/session/client_connection.h"
#include "proxy/session/worker.h"

namespace pgpool::session {

using wire::backend::kErrorResponse;
using wire::backend::kReadyForQuery;

ServerConnection::ServerConnection(Worker& worker, pool::Pool& pool, NodeId at, const net::Address& address,
                                   UniqueFd fd, ServerLogin login)
    : Stream(worker, std::move(fd)),
      ServerLink(at, worker.surroundings().names, worker.config().pool.prepared_statements),
      Pooled(at, worker.loop().now()),
      pool_(&pool),
      address_(address),
      login_(std::move(login)),
      deadline_(*this) {
    login_began = born();
    watch_connect();
    worker.loop().arm(deadline_, worker.config().pool.connect_timeout);
}

ServerConnection::~ServerConnection() = default;

void ServerConnection::on_connected() {
    const int error = net::connect_outcome(fd());
    if (error != 0) return on_closed(error);
    queue(login_->startup_packet());
}

void ServerConnection::on_timer(net::Timer& /*timer*/) {
    if (state_ != State::Opening) return close("no answer in time");
    worker().shared().addresses.distrust(address_);
    close("timeout while connecting (pool.connect_timeout)");
}

bool ServerConnection::may_read() const {
    return client_ == nullptr || client_->takes_answers() ||
           client_->session()->link() != this;  // of another node: the client does not get them
}

void ServerConnection::on_drained() {
    if (client_ != nullptr) client_->server_drained();
}

void ServerConnection::input_wanted() {
    reconsider_input();
}

std::size_t ServerConnection::on_bytes(ByteView bytes) {
    if (state_ == State::Opening) return log_in(bytes);
    std::size_t used = 0;
    if (state_ == State::Lent) {
        if (!client_->session()->holds(*this)) return 0;  // on its way to that client: input_wanted() follows
        used = client_->on_server_bytes(*this, bytes);
    }
    if (is_shut()) return bytes.size();
    if (state_ != State::Lent && used < bytes.size()) used += own_exchange(bytes.substr(used));
    return used;
}

std::size_t ServerConnection::log_in(ByteView bytes) {
    std::size_t used = 0;
    std::string send;
    while (used < bytes.size()) {
        const auto [frame, error] = wire::next_frame(bytes.substr(used));
        if (error == wire::FrameError::BadLength) {
            close("the node does not speak the PostgreSQL protocol");
            return bytes.size();
        }
        if (error || !frame.complete()) break;
        used += frame.bytes.size();
        const ServerLogin::State state = login_->on_frame(frame, send);
        if (state == ServerLogin::State::Refused) {
            const std::string refusal = login_->refusal();
            worker().login_refused(*this, refusal);
            return bytes.size();
        }
        if (state == ServerLogin::State::Ready) {
            logged_in();
            return used;
        }
    }
    if (!send.empty()) queue(send);
    return used;
}

void ServerConnection::logged_in() {
    deadline_.disarm();
    pid = login_->pid();
    secret = login_->secret();
    reported = worker().surroundings().names.make(login_->parameters());
    login_.reset();
    state_ = State::Lent;
    pool_->opened(node);
    worker().opened(*this);
    finish_return();
}

void ServerConnection::lend(ClientConnection& client) {
    state_ = State::Lent;
    client_ = &client;
    ++times_lent_;
    lent_at_ = worker().loop().now();
}

void ServerConnection::take_back(exec::Disposal disposal) {
    client_ = nullptr;
    if (disposal == exec::Disposal::Close) return close("in a state that cannot be used again");
    if (disposal == exec::Disposal::Reset) return run_own("DISCARD ALL", State::Cleaning);
    finish_return();
}

// Clean and free: to whoever waits, or to the idle ones.
void ServerConnection::finish_return() {
    if (awaits_late_cancel_) return close("a cancel request to its node got no answer");
    if (cancels_ > 0) {
        state_ = State::Cleaning;
        return;
    }
    const bool was_idle = state_ == State::Checking;
    state_ = State::Lent;
    worker().returned(*this);
    if (client_ != nullptr || state_ != State::Lent) return;
    state_ = State::Idle;
    const TimePoint now = worker().loop().now();
    if (was_idle) return pool_->put_back(*this, now);
    pool_->put_idle(*this, now);
}

void ServerConnection::cancel_over() {
    if (--cancels_ == 0 && state_ == State::Cleaning && !deadline_.armed()) finish_return();
}

void ServerConnection::check() {
    pool_->remove_idle(*this);
    pool_->put_in_use(node);
    run_own(";", State::Checking);
}

void ServerConnection::retire() {
    if (state_ == State::Idle) {
        pool_->remove_idle(*this);
        pool_->put_in_use(node);
    }
    state_ = State::Cleaning;
    retires_ = true;
    std::string frame;
    wire::append_frame(frame, wire::frontend::kTerminate, {});
    queue(frame);
    worker().loop().arm(deadline_, worker().config().pool.connect_timeout);
}

void ServerConnection::run_own(std::string_view sql, State state) {
    state_ = state;
    std::string frame;
    wire::append_query(frame, sql);
    queue(frame);
    worker().loop().arm(deadline_, worker().config().pool.connect_timeout);
}

// Nobody has it: the end of a housekeeping query, or what a server says unasked.
std::size_t ServerConnection::own_exchange(ByteView bytes) {
    std::size_t used = 0;
    while (used < bytes.size() && !is_shut()) {
        const auto [frame, error] = wire::next_frame(bytes.substr(used));
        if (error || !frame.complete()) break;
        used += frame.bytes.size();
        if (frame.type == kErrorResponse) {
            close(wire::read_error_fields(frame.body).message);
        } else if (frame.type == wire::backend::kParameterStatus) {
            if (const auto told = wire::read_parameter_status(frame.body)) {
                reported = worker().surroundings().names.with(reported, told->name, told->value);
            }
        } else if (frame.type == kReadyForQuery && deadline_.armed()) {
            deadline_.disarm();
            if (state_ == State::Cleaning) {
                settings.replace(worker().surroundings().names.empty());
                statements.clear();
            }
            finish_return();
        }
    }
    return used;
}

void ServerConnection::on_closed(int error) {
    if (state_ == State::Opening) worker().shared().addresses.distrust(address_);
    close(error == 0 ? "the node closed the connection" : std::generic_category().message(error));
}

void ServerConnection::close(std::string_view reason) {
    if (state_ == State::Closed) return;
    const State before = std::exchange(state_, State::Closed);
    deadline_.disarm();
    retires_ ? shut() : sever();  // before its client is told
    worker().closed(*this, before, reason);
}

}  // namespace pgpool::session
