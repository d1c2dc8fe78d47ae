// SPDX-License-Identifier: PostgreSQL
#include "proxy/session/stream.h"

#include "proxy/session/worker.h"

namespace pgpool::session {

using net::IoResult;

namespace {
constexpr std::size_t kDirect = std::size_t{16}
                                << 10U;  // pieces from here on are not copied if that can be avoided
}

Stream::Stream(Worker& worker, UniqueFd fd)
    : worker_(&worker), fd_(std::move(fd)), in_(worker.buffers()), out_(worker.buffers()) {
    worker.loop().add(fd_.get(), *this);
}

Stream::Stream(Worker& worker, Remains remains) : Stream(worker, std::move(remains.fd)) {
    in_.append(remains.unread);
    queue(remains.unwritten);
}

Stream::~Stream() = default;

void Stream::watch_connect() {
    connecting_ = true;
    worker_->loop().want_write(*this, true);
}

void Stream::queue(ByteView bytes) {
    if (shut_ || broken_) return;
    wake();
    if (bytes.size() >= kDirect && !blocked_ && !connecting_ && !worker_->is_past_deadline()) {
        flush();
        if (!blocked_ && !broken_) {
            const IoResult sent = net::transmit(fd_.get(), bytes);
            if (sent.state == IoResult::State::Ok) bytes.remove_prefix(sent.count);
        }
    }
    out_.append(bytes);
    congested_ |= congested();
}

void Stream::flush() {
    if (connecting_ || broken_) return;
    while (!out_.empty()) {
        const IoResult sent = net::transmit(fd_.get(), out_.view());
        if (sent.state == IoResult::State::Failed) {
            out_.clear();
            broken_ = true;
            write_error_ = sent.error;
            break;
        }
        if (sent.state == IoResult::State::WouldBlock) break;
        out_.consume(sent.count);
    }
    const bool was_blocked = blocked_;
    blocked_ = !out_.empty();
    if (blocked_ != was_blocked) worker_->loop().want_write(*this, blocked_);
}

void Stream::settle() {
    dirty_ = false;
    if (shut_) return;
    flush();
    if (broken_) return end_broken();
    if (congested_ && out_.size() <= kLowWater) {
        congested_ = false;
        on_drained();
    }
    if (out_.empty() && !shut_ && !connecting_) on_written();
    if (unread_ && !shut_) read();
}

// What the peer said before it hung up still counts.
void Stream::end_broken() {
    unread_ = true;
    read();
    if (!shut_) on_closed(write_error_);
}

void Stream::shut() {
    if (shut_) return;
    shut_ = true;
    worker_->loop().remove(*this);
}

void Stream::sever() {
    if (shut_) return;
    shut();
    net::drop_unacknowledged(fd_.get());
    fd_.reset();
}

Stream::Remains Stream::hand_over() {
    shut();
    return {std::move(fd_), std::string(in_.view()), std::string(out_.view())};
}

void Stream::on_ready(net::Readiness readiness) {
    if (connecting_) {
        if (!readiness.writable && !readiness.closing) return;
        connecting_ = false;
        worker_->loop().want_write(*this, false);
        on_connected();
        if (shut_) return;
    }
    if (readiness.writable && blocked_) {
        settle();
        if (shut_) return;
    }
    peer_closing_ |= readiness.closing;
    if (readiness.readable && !shut_) {
        unread_ = true;
        read();
    }
}

// A short read means that the socket is empty: the next byte makes a new event.
void Stream::read() {
    while (unread_ && !shut_ && may_read()) {
        const bool direct = in_.empty();
        char* to = direct ? worker_->scratch() : in_.room(Worker::kScratch / 4);
        const std::size_t size = direct ? Worker::kScratch : in_.room_size();
        const IoResult got = net::receive(fd_.get(), to, size);
        if (got.state == IoResult::State::WouldBlock) {
            unread_ = false;
            return;
        }
        if (got.state != IoResult::State::Ok) {
            unread_ = false;
            return on_closed(got.error);
        }
        if (got.count < size && !peer_closing_) unread_ = false;
        if (!direct) in_.committed(got.count);
        if (!handle(direct ? ByteView(to, got.count) : ByteView())) return;
    }
}

bool Stream::handle(ByteView fresh) {
    handling_ = true;
    const bool direct = !fresh.empty();
    const ByteView all = direct ? fresh : in_.view();
    const std::size_t used = on_bytes(all);
    handling_ = false;
    if (shut_) return false;
    if (direct) {
        in_.append(all.substr(used));
    } else if (used > 0) {
        in_.consume(used);
    }
    return true;
}

// Another stream's bytes may be in the worker's scratch memory now: what the socket still has is read when
// the turn ends.
void Stream::reconsider_input() {
    if (handling_ || shut_) return;
    if (!in_.empty() && !handle({})) return;
    if (unread_) wake();
}

void Stream::wake() {
    if (dirty_) return;
    dirty_ = true;
    worker_->mark_dirty(*this);
}

}  // namespace pgpool::session
