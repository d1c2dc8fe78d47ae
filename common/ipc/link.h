// SPDX-License-Identifier: PostgreSQL
#pragma once

// Link: a client's connection to the hub through libqb. Private to common/ipc; one thread.
//
// Whom it talks to is asked of the kernel before libqb believes a word: the answer of a hub names a file that
// libqb opens for writing, cuts to 24 bytes and later removes, with our rights. Who sits on the name without
// being trusted is an error.

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/ipc/frame.h"
#include "common/ipc/guard.h"
#include "common/ipc/trust.h"
#include "common/net/wakeup.h"

struct qb_ipcc_connection;

namespace pgpool::ipc {

class Link {
public:
    // Waits for the hub's answer at most this long, or until wake().
    static Result<std::unique_ptr<Link>> open(const std::string& service, const Trust& trust,
                                              const net::Wakeup& wakeup, milliseconds at_most);
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;
    ~Link();

    [[nodiscard]] Result<bool> send(const Frame& frame);  // false: not now, the hub has not read
    [[nodiscard]] Result<std::optional<ByteView>>
    receive();  // a message, valid until the next call; none: not now
    [[nodiscard]] bool is_hung_up() const;

    [[nodiscard]] int events() const { return events_; }  // readable: receive()
    [[nodiscard]] int stream() const { return stream_; }  // readable: is_hung_up()
    [[nodiscard]] std::uint64_t dropped() const { return guard_.dropped(); }

    static constexpr const char* kHungUp = "the hub ended or closed the connection";

private:
    [[nodiscard]] tl::unexpected<Error> lost(ssize_t status) const;
    Link(qb_ipcc_connection* connection, int stream, int events, Credentials hub);

    qb_ipcc_connection* connection_;
    int stream_;
    int events_;
    Guard guard_;
    std::string buffer_;
};

}  // namespace pgpool::ipc
