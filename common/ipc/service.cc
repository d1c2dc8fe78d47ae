// SPDX-License-Identifier: PostgreSQL
#include "common/ipc/service.h"

#include <fmt/core.h>
#include <poll.h>
#include <qb/qbipcc.h>
#include <qb/qbipcs.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "common/bus/codec.h"
#include "common/ipc/leftovers.h"

namespace pgpool::ipc {

namespace {

int type_of(int socket) {
    int type = 0;
    socklen_t size = sizeof type;
    ::getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size);
    return type;
}

bool is_hung_up(int socket) {
    pollfd entry{.fd = socket, .events = POLLIN, .revents = 0};
    return ::poll(&entry, 1, 0) > 0 && (entry.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

pid_t pid_of(qb_ipcs_connection* connection) {
    const std::unique_ptr<qb_ipcs_connection_stats_2, decltype(&std::free)> statistics(
        ::qb_ipcs_connection_stats_get_2(connection, 0), &std::free);
    return statistics ? statistics->client_pid : 0;
}

bool may_be_repeated(ssize_t status) {
    return status == -EAGAIN || status == -ENOBUFS || status == -ETIMEDOUT || status == -EINTR;
}

std::string text_of(ssize_t status) {
    return std::generic_category().message(static_cast<int>(-status));
}

}  // namespace

struct Service::Peer {
    enum class State { Silent, Talking, Leaving };

    Peer(ClientId number, Credentials who, qb_ipcs_connection* of, SendLimits limits)
        : id(number), credentials(who), connection(of), queue(limits) {}

    ClientId id;
    Credentials credentials;
    qb_ipcs_connection* connection;
    SendQueue queue;
    State state = State::Silent;
    int stream = -1;             // libqb's socket of the set-up, by which the end of the client shows
    std::optional<Guard> guard;  // of its socket for requests
    bool is_announced = false;   // the handler knows it
    std::string reason = "the client ended or closed the connection";
};

struct Service::Callbacks {
    static Service& service_of(qb_ipcs_connection* connection) {
        return *static_cast<Service*>(::qb_ipcs_connection_service_context_get(connection));
    }
    static Peer* peer_of(qb_ipcs_connection* connection) {
        return static_cast<Peer*>(::qb_ipcs_context_get(connection));
    }
    static std::int32_t accept(qb_ipcs_connection* connection, uid_t uid, gid_t gid) noexcept {
        return service_of(connection).accept(connection, uid, gid);
    }
    static void created(qb_ipcs_connection* /*connection*/) noexcept {}
    static std::int32_t message(qb_ipcs_connection* connection, void* data, std::size_t size) noexcept {
        service_of(connection).on_bytes(*peer_of(connection), {static_cast<const char*>(data), size});
        return 0;
    }
    static std::int32_t closed(qb_ipcs_connection* connection) noexcept {
        service_of(connection).on_closed(*peer_of(connection));
        return 0;
    }
    static void destroyed(qb_ipcs_connection* connection) noexcept {
        service_of(connection).peers_.erase(connection);
    }
};

Service::Service(const HubOptions& options, HubHandler& handler, HubCounters& counters)
    : options_(options), handler_(handler), counters_(counters), loop_(*this) {
    if (::qb_ipcc_verify_dgram_max_msg_size(kFrameLimit) < static_cast<std::int32_t>(kFrameLimit)) {
        throw std::runtime_error(
            fmt::format("the bus needs messages of {} bytes; raise net.core.wmem_default", kFrameLimit));
    }
    qb_ipcs_service_handlers handlers{};
    handlers.connection_accept = &Callbacks::accept;
    handlers.connection_created = &Callbacks::created;
    handlers.msg_process = &Callbacks::message;
    handlers.connection_closed = &Callbacks::closed;
    handlers.connection_destroyed = &Callbacks::destroyed;
    service_ = ::qb_ipcs_create(options.service.c_str(), 0, QB_IPC_SOCKET, &handlers);
    if (service_ == nullptr) throw std::runtime_error("cannot create the bus: out of memory");
    qb_ipcs_poll_handlers poll_handlers = QbLoop::poll_handlers();
    ::qb_ipcs_poll_handlers_set(service_, &poll_handlers);
    ::qb_ipcs_service_context_set(service_, this);
    ::qb_ipcs_enforce_buffer_size(service_, kFrameLimit);
    // At this rate libqb reads one request each time it is woken, so that the guard sees every one.
    ::qb_ipcs_request_rate_limit(service_, QB_IPCS_RATE_SLOW);
    const std::int32_t status = ::qb_ipcs_run(service_);
    if (status != 0) {  // libqb has freed the service
        throw std::runtime_error(
            fmt::format("cannot open the bus {}: {}; is another watchdog of this instance running?",
                        options.service, text_of(status)));
    }
    remove_leftovers(options.service);
}

Service::~Service() {
    std::vector<qb_ipcs_connection*> connections;
    for (const auto& [connection, peer] : peers_) connections.push_back(connection);
    for (qb_ipcs_connection* connection : connections) {
        peers_.at(connection)->reason = "the hub ends";
        ::qb_ipcs_disconnect(connection);
    }
    ::qb_ipcs_destroy(service_);
}

int Service::accept(qb_ipcs_connection* connection, uid_t uid, gid_t gid) {
    const Credentials who{.pid = 0, .uid = uid, .gid = gid};  // libqb does not tell the pid yet
    if (!options_.trust.admits(who)) {
        ++counters_.refused;
        return -EACCES;
    }
    // Root can give libqb's file in /dev/shm to the client, others only to the group that they have in
    // common.
    if (::geteuid() != 0 && uid != ::geteuid()) {
        ::qb_ipcs_connection_auth_set(connection, ::geteuid(), ::getegid(), 0660);
    }
    auto peer = std::make_unique<Peer>(ClientId(++last_id_), who, connection, options_.limits);
    ::qb_ipcs_context_set(connection, peer.get());
    peers_.emplace(connection, std::move(peer));
    return 0;
}

Guard* Service::on_watch(int fd, void* data) {
    const auto found = peers_.find(static_cast<qb_ipcs_connection*>(data));
    if (found == peers_.end()) return nullptr;  // the socket that listens, or a set-up
    Peer& peer = *found->second;
    if (type_of(fd) == SOCK_STREAM) {
        peer.stream = fd;
        return nullptr;
    }
    peer.credentials.pid = pid_of(peer.connection);
    return &peer.guard.emplace(fd, peer.credentials);
}

void Service::on_bytes(Peer& peer, ByteView frame) {
    if (peer.state == Peer::State::Leaving) return;
    auto decoded = bus::decode(message_in(frame));
    if (!decoded) return leave(peer, decoded.error().message);
    if (std::holds_alternative<bus::Unknown>(*decoded)) {
        ++counters_.unknown;
        return;
    }
    on_message(peer, std::get<bus::Message>(*std::move(decoded)));
}

void Service::on_message(Peer& peer, bus::Message message) {
    auto* hello = std::get_if<bus::Hello>(&message);
    if ((hello != nullptr) != (peer.state == Peer::State::Silent)) {
        return leave(peer, hello != nullptr ? "a second Hello" : "the first message was not a Hello");
    }
    if (hello != nullptr) return greet(peer, std::move(*hello));
    handler_.on_message(peer.id, std::move(message));
}

// The first message to a client makes libqb connect to its sockets, with ten attempts 100 ms apart. They
// exist, since the client has spoken; unless it ended since then, which shows at the other socket first.
void Service::greet(Peer& peer, bus::Hello hello) {
    if (is_hung_up(peer.stream)) return;
    // No client reads this. It connects our socket for requests: from now on the kernel turns strangers away.
    qb_ipc_response_header nothing{};
    nothing.size = sizeof nothing;
    if (const ssize_t status = ::qb_ipcs_response_send(peer.connection, &nothing, sizeof nothing);
        status < 0) {
        return leave(peer, text_of(status));
    }
    const auto may_talk = bus::check_version(bus::kVersion, hello.version, hello.program);
    if (!may_talk) {
        ++counters_.refused;
        const bus::Refusal refusal{.reason = may_talk.error().message + ". " + may_talk.error().hint};
        send(peer, to_frame(refusal).value());
        peer.state = Peer::State::Leaving;  // it closes: libqb gives a client nothing once we have
        handler_.on_refused(hello, refusal.reason);
        return;
    }
    peer.state = Peer::State::Talking;
    peer.is_announced = true;
    hello.pid = static_cast<std::uint32_t>(peer.credentials.pid);
    send(peer, to_frame(options_.welcome).value());
    handler_.on_client({.id = peer.id, .credentials = peer.credentials, .hello = std::move(hello)});
}

void Service::on_closed(Peer& peer) {
    if (peer.guard) counters_.foreign += peer.guard->dropped();
    peer.state = Peer::State::Leaving;
    if (std::exchange(peer.is_announced, false)) handler_.on_gone(peer.id, peer.reason);
}

Service::Peer* Service::find(ClientId client) {
    for (const auto& [connection, peer] : peers_) {
        if (peer->id == client && peer->state == Peer::State::Talking) return peer.get();
    }
    return nullptr;
}

void Service::send(ClientId client, const Frame& frame) {
    if (Peer* peer = find(client)) send(*peer, frame);
}

void Service::broadcast(const Frame& frame) {
    for (const auto& [connection, peer] : peers_) {
        if (peer->state == Peer::State::Talking) send(*peer, frame);
    }
}

void Service::disconnect(ClientId client, const std::string& reason) {
    if (Peer* peer = find(client)) leave(*peer, reason);
}

void Service::send(Peer& peer, const Frame& frame) {
    if (!peer.queue.push(frame)) {
        ++counters_.overflow;
        return leave(peer, fmt::format("it does not read: {} messages wait for it", peer.queue.size()));
    }
    if (peer.queue.size() == 1) flush(peer);
}

void Service::flush(Peer& peer) {
    while (!peer.queue.empty()) {
        const std::string& frame = *peer.queue.front();
        const ssize_t status = ::qb_ipcs_event_send(peer.connection, frame.data(), frame.size());
        if (status >= 0) {
            peer.queue.sent();
        } else if (may_be_repeated(status)) {
            peer.queue.held_up();
            return loop_.arm_alarm(peer.queue.pause());
        } else {
            return leave(peer, text_of(status));
        }
    }
}

void Service::on_alarm() {
    for (const auto& [connection, peer] : peers_) flush(*peer);
}

// Not at once: libqb may be in the middle of a call for this connection.
void Service::leave(Peer& peer, std::string reason) {
    if (peer.state == Peer::State::Leaving) return;
    peer.state = Peer::State::Leaving;
    peer.reason = std::move(reason);
    peer.queue.clear();
    post([this, id = peer.id] {
        for (const auto& [connection, leaving] : peers_) {
            if (leaving->id == id) return ::qb_ipcs_disconnect(connection);
        }
    });
}

}  // namespace pgpool::ipc
