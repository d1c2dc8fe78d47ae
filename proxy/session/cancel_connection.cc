// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/cancel_connection.h"

#include "common/wire/startup.h"
#include "proxy/session/server_connection.h"
#include "proxy/session/worker.h"

namespace pgpool::session {

CancelConnection::CancelConnection(Worker& worker, UniqueFd fd, ServerConnection& server)
    : CancelConnection(worker, std::move(fd), CancelKey{server.pid, server.secret}) {
    server_ = &server;
    server.cancel_sent();
}

CancelConnection::CancelConnection(Worker& worker, UniqueFd fd, CancelKey key)
    : Stream(worker, std::move(fd)), key_(key), deadline_(*this) {
    watch_connect();
    worker.loop().arm(deadline_, worker.config().pool.connect_timeout);
}

void CancelConnection::server_gone() {
    server_ = nullptr;
    key_.reset();
}

void CancelConnection::on_connected() {
    const int error = net::connect_outcome(fd());
    if (error != 0 || !key_) return on_closed(error);
    std::string packet;
    wire::append_cancel_request(packet, key_->pid, key_->secret);
    queue(packet);
}

void CancelConnection::on_closed(int /*error*/) {
    if (is_shut()) return;
    sever();
    deadline_.disarm();
    ServerConnection* server = std::exchange(server_, nullptr);
    worker().cancel_ended(*this);
    if (server != nullptr) server->cancel_over();
}

// The signal may still be sent, and meet whoever has the connection then.
void CancelConnection::on_timer(net::Timer& /*timer*/) {
    if (server_ != nullptr) server_->cancel_unanswered();
    on_closed(0);
}

}  // namespace pgpool::session
