// SPDX-License-Identifier: PostgreSQL
#pragma once

// Hub: the server's end of the bus of one appliance member (docs/adr/0018-bus.md). The watchdog has it.
//
// A client is a program that the kernel says is trusted (trust.h) and that has said Hello in a version that
// we understand. Everything that is sent to it is kept, in order, until it takes it; one that lets more pile
// up than `limits` allow is disconnected. The end of its process is the end of the connection, within
// milliseconds.
//
// Threads: the hub has one of its own. The handler is called on it and must not block: what takes time is
// posted to the thread that owns it. All functions may be called from any thread, the handler's included.
// Time: this thread may stand still for up to a second: libqb sleeps when the first message to a client meets
// a socket that is gone. We look before (service.cc), which leaves a window of microseconds. Nothing that a
// lease hangs on belongs here.

#include <atomic>
#include <cstdint>
#include <semaphore>
#include <string>
#include <thread>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/bus/messages.h"
#include "common/ipc/frame.h"
#include "common/ipc/send_queue.h"
#include "common/ipc/trust.h"

namespace pgpool::ipc {

class Service;

// One connection; never used again for another.
using ClientId = StrongId<struct ClientIdTag, std::uint64_t>;

struct ClientInfo {
    ClientId id;
    Credentials credentials;  // as the kernel says
    bus::Hello hello;         // as the client says, but for the pid, which is the kernel's
};

class HubHandler {
public:
    HubHandler() = default;
    HubHandler(const HubHandler&) = delete;
    HubHandler& operator=(const HubHandler&) = delete;
    virtual ~HubHandler() = default;

    virtual void on_client(const ClientInfo& client) = 0;  // first
    virtual void on_message(ClientId client, bus::Message message) = 0;
    virtual void on_gone(ClientId client, const std::string& reason) = 0;  // last
    // In place of them: a version that we do not understand. It will come again and again.
    virtual void on_refused(const bus::Hello& /*hello*/, const std::string& /*reason*/) {}
};

struct HubOptions {
    std::string service;  // service_name()
    Trust trust;
    bus::Welcome welcome;  // what every client is told
    SendLimits limits;     // for each client
};

// Since the start; for SHOW and tests. `foreign` is counted when the connection ends.
struct HubCounters {
    std::atomic<std::uint64_t> foreign{0};   // datagrams of strangers, and what was no frame
    std::atomic<std::uint64_t> unknown{0};   // messages of a type that we do not know
    std::atomic<std::uint64_t> refused{0};   // connections, by credentials or version
    std::atomic<std::uint64_t> overflow{0};  // clients that did not read
};

class Hub {
public:
    // Throws if the name is taken, which means that another hub of this member runs, or somebody pretends to
    // be one.
    Hub(HubOptions options, HubHandler& handler);
    Hub(const Hub&) = delete;
    Hub& operator=(const Hub&) = delete;
    ~Hub();

    void start();  // once

    // An error if the message breaks a limit; whether the client is still there is told by on_gone().
    Result<void> send(ClientId client, const bus::Message& message);
    Result<void> broadcast(const bus::Message& message);
    void disconnect(ClientId client, std::string reason);

    [[nodiscard]] const HubCounters& counters() const { return counters_; }

private:
    HubCounters counters_;
    Service* service_ = nullptr;  // lives on the thread, from the constructor until the join
    std::counting_semaphore<2> may_run_{0};
    std::thread thread_;
};

}  // namespace pgpool::ipc
