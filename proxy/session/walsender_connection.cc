// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/walsender_connection.h"

#include <system_error>

#include "proxy/session/replication_connection.h"
#include "proxy/session/worker.h"

namespace pgpool::session {

WalsenderConnection::WalsenderConnection(Worker& worker, ReplicationConnection& client, NodeId node,
                                         const net::Address& address, UniqueFd fd, ReplicationLogin login)
    : Stream(worker, std::move(fd)),
      client_(&client),
      node_(node),
      address_(address),
      born_(worker.loop().now()),
      login_(std::move(login)),
      deadline_(*this) {
    watch_connect();
    worker.loop().arm(deadline_, worker.config().pool.connect_timeout);
}

void WalsenderConnection::close() {
    deadline_.disarm();
    shut();
}

void WalsenderConnection::give_up() {
    deadline_.disarm();
    sever();
}

void WalsenderConnection::on_connected() {
    const int error = net::connect_outcome(fd());
    if (error != 0) return on_closed(error);
    queue(login_.startup_packet());
}

void WalsenderConnection::on_timer(net::Timer& /*timer*/) {
    worker().shared().addresses.distrust(address_);
    client_->on_node_lost("timeout while connecting (pool.connect_timeout)");
}

void WalsenderConnection::on_closed(int error) {
    if (is_ready_ && error == 0) return client_->on_node_closed();
    if (!is_ready_) worker().shared().addresses.distrust(address_);
    client_->on_node_lost(error == 0 ? "the node closed the connection"
                                     : std::generic_category().message(error));
}

bool WalsenderConnection::may_read() const {
    return !client_->congested();
}

void WalsenderConnection::on_drained() {
    client_->wake();
}

void WalsenderConnection::on_written() {
    client_->on_node_written();
}

std::size_t WalsenderConnection::on_bytes(ByteView bytes) {
    const std::size_t used = is_ready_ ? 0 : log_in(bytes);
    if (is_ready_ && !is_shut() && used < bytes.size()) client_->on_node_bytes(bytes.substr(used));
    return is_ready_ ? bytes.size() : used;
}

std::size_t WalsenderConnection::log_in(ByteView bytes) {
    std::size_t used = 0;
    std::string send;
    while (used < bytes.size()) {
        const auto [frame, error] = wire::next_frame(bytes.substr(used));
        if (error == wire::FrameError::BadLength) {
            client_->on_node_lost("the node does not speak the PostgreSQL protocol");
            return bytes.size();
        }
        if (error || !frame.complete()) break;
        used += frame.bytes.size();
        const ServerLogin::State state = login_.on_frame(frame, send);
        if (state == ServerLogin::State::Refused) {
            client_->on_login_refused(login_.refusal());
            return bytes.size();
        }
        if (state == ServerLogin::State::Ready) {
            is_ready_ = true;
            deadline_.disarm();
            client_->on_logged_in(login_.welcome());
            return used;
        }
    }
    if (!send.empty()) queue(send);
    return used;
}

}  // namespace pgpool::session
