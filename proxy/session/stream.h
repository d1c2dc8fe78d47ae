// SPDX-License-Identifier: PostgreSQL
#pragma once

// Stream: a connected socket in a worker's loop, with what could not be written yet and what could not be
// handled yet.
//
// Writing: queue() collects, the worker flushes once per turn. A large piece goes straight to the socket if
// nothing waits before it. Reading: the owner's on_bytes() is called with all bytes that are not consumed;
// what it leaves is kept. A stream whose reader is slow is not read: hold_reading() and its release. Threads:
// one worker only.

#include <cstdint>
#include <string>

#include "common/net/buffer.h"
#include "common/net/event_loop.h"
#include "common/net/socket.h"

namespace pgpool::session {

class Worker;

class Stream : public net::Watch {
public:
    static constexpr std::size_t kHighWater = std::size_t{256}
                                              << 10U;  // queued output that stops whoever feeds it
    static constexpr std::size_t kLowWater = std::size_t{64} << 10U;

    // A socket, what it has sent that nobody has handled, and what it shall be sent.
    struct Remains {
        UniqueFd fd;
        std::string unread;
        std::string unwritten;
    };

    Stream(Worker& worker, UniqueFd fd);
    Stream(Worker& worker, Remains remains);
    ~Stream() override;

    void queue(ByteView bytes);
    // Writes what is queued, as far as the socket takes it, and tells the owner what came of it. Only the
    // worker calls it, at the end of a turn: no code of a session is on the stack.
    void settle();
    [[nodiscard]] bool congested() const { return out_.size() > kHighWater; }
    [[nodiscard]] std::size_t queued() const { return out_.size(); }
    [[nodiscard]] net::Address local_address() const { return net::local_address(fd_.get()); }
    [[nodiscard]] net::Address peer_address() const { return net::peer_address(fd_.get()); }
    void wake();   // settle() at the end of the turn, also to read what was held back
    void shut();   // no more events; the object lives until the end of the turn
    void sever();  // shut, closed at once, and what the peer has not acknowledged never gets there
    [[nodiscard]] Remains hand_over();  // shut, but the connection lives on in another stream

    void on_ready(net::Readiness readiness) override;

protected:
    // All bytes that wait; returns how many are done with.
    [[nodiscard]] virtual std::size_t on_bytes(ByteView bytes) = 0;
    virtual void on_closed(int error) = 0;  // the peer is gone, or the connection broke
    virtual void on_drained() {}            // output was above the high-water mark and fell below the low one
    virtual void on_written() {}            // everything queued has been written
    virtual void on_connected() {}          // a connect has finished; connect_outcome() tells how
    [[nodiscard]] virtual bool may_read() const { return true; }

    void reconsider_input();  // what is kept may be handled now
    [[nodiscard]] bool is_shut() const { return shut_; }
    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] Worker& worker() const { return *worker_; }
    [[nodiscard]] const net::Buffer& kept_input() const { return in_; }
    void watch_connect();  // REQUIRES: a connect is under way

private:
    void read();
    void flush();
    void end_broken();
    [[nodiscard]] bool handle(ByteView fresh);  // false: shut

    Worker* worker_;
    UniqueFd fd_;
    net::Buffer in_;
    net::Buffer out_;
    bool shut_ = false;
    bool dirty_ = false;    // in the worker's list of streams to flush
    bool blocked_ = false;  // the socket takes no more for now
    bool connecting_ = false;
    bool congested_ = false;  // whoever feeds it waits for on_drained()
    bool broken_ = false;     // a write failed with write_error_
    int write_error_ = 0;
    bool unread_ = false;        // the socket may have bytes that were not read
    bool peer_closing_ = false;  // the end is to be read
    bool handling_ = false;
};

}  // namespace pgpool::session
