// SPDX-License-Identifier: PostgreSQL
#pragma once

// Client: a program's end of the bus. It finds the hub, checks who that is, and finds it again whenever it
// was lost.
//
// What is sent while the hub is away is refused, not kept: messages tell of the present. The owner sends what
// still holds when on_up() comes.
//
// Threads: the client has one of its own, which does all the waiting; nothing here ever blocks its caller.
// The handler is called through the executor, so on the thread that the owner wants, one call after the
// other, in order. For the proxy's loop that is
//     Client bus(options, handler, [&loop](Task task) { loop.post(std::move(task)); });
// which wakes it through its eventfd. If the owner leaves kUndelivered calls undone, no more is read until it
// catches up, and the hub disconnects us if that lasts. Lifetime: destroyed on the thread that the executor
// runs tasks on, or after that thread has ended. No handler is called from then on, also not by tasks that
// are still queued.

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/bus/messages.h"
#include "common/ipc/send_queue.h"
#include "common/ipc/trust.h"

namespace pgpool::ipc {

using Task = std::function<void()>;
using Executor = std::function<void(Task)>;  // any thread may call it; runs each task once, in order

class ClientHandler {
public:
    ClientHandler() = default;
    ClientHandler(const ClientHandler&) = delete;
    ClientHandler& operator=(const ClientHandler&) = delete;
    virtual ~ClientHandler() = default;

    virtual void on_up(const bus::Welcome& hub) = 0;
    // The hub was lost, or cannot be reached for another reason than told last.
    virtual void on_down(const std::string& reason) = 0;
    virtual void on_message(bus::Message message) = 0;
};

struct ClientOptions {
    std::string service;  // service_name()
    Trust trust;
    bus::Hello hello;
    SendLimits limits;
    milliseconds answer_timeout{2000};  // for a hub that is there and does not answer
    milliseconds first_pause{10};       // between attempts; doubles up to the longest
    milliseconds longest_pause{250};
};

class Client {
public:
    static constexpr std::size_t kUndelivered = 1000;

    Client(ClientOptions options, ClientHandler& handler, Executor executor);
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client();

    // Any thread. An error, and the message is not sent: the hub is away, more is queued than `limits` allow,
    // or the message breaks a limit of its own. What was taken may still be lost together with the hub.
    Result<void> send(const bus::Message& message);

    [[nodiscard]] std::uint64_t unknown_messages() const;   // of types that we do not know
    [[nodiscard]] std::uint64_t foreign_datagrams() const;  // counted when a connection ends

private:
    struct Shared;
    class Runner;
    std::shared_ptr<Shared> shared_;
    std::thread thread_;
};

}  // namespace pgpool::ipc
