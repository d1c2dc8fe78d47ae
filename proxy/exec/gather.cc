// SPDX-License-Identifier: PostgreSQL
// Session: client bytes -> Request.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <initializer_list>

#include "common/wire/messages.h"
#include "proxy/exec/session.h"

namespace pgpool::exec {

namespace {

using namespace wire::frontend;

constexpr std::size_t kMaxQuery = std::size_t{1} << 20U;  // a longer Query or Parse is not held, but streamed
constexpr std::size_t kMaxBatch = std::size_t{64} << 10U;  // a longer batch is sent before its Sync
// Mode replication: the other nodes get what main got, so all of a request is held.
constexpr std::size_t kMaxReplicated = std::size_t{16} << 20U;
constexpr milliseconds kBatchPatience{20};  // for the Sync of a batch
constexpr std::size_t kMaxNames = 1024;     // of a streamed Bind: portal and statement must be in here

enum MessageClass : std::uint8_t {
    Extended = 1U << 0U,
    Copy = 1U << 1U,
    Small = 1U << 2U,
    Other = 1U << 3U,
};

constexpr std::array<std::uint8_t, 256> make_classes() {
    std::array<std::uint8_t, 256> classes{};
    const auto add = [&](MessageClass added, std::initializer_list<char> types) {
        for (const char type : types) classes[static_cast<unsigned char>(type)] |= added;
    };
    add(Extended, {kParse, kBind, kDescribe, kExecute, kClose, kSync, kFlush});
    add(Copy, {kCopyData, kCopyDone, kCopyFail});
    add(Small, {kClose, kDescribe, kExecute, kFlush, kSync, kTerminate, kCopyDone, kCopyFail});
    add(Other, {kQuery, kFunctionCall, kTerminate});
    return classes;
}
constexpr std::array<std::uint8_t, 256> kClasses = make_classes();

std::uint8_t class_of(char type) {
    return kClasses[static_cast<unsigned char>(type)];
}
bool is_known(char type) {
    return class_of(type) != 0;
}
bool is_extended(char type) {
    return (class_of(type) & Extended) != 0;
}
bool is_copy(char type) {
    return (class_of(type) & Copy) != 0;
}

// PostgreSQL's own bounds (PQ_SMALL_MESSAGE_LIMIT): a message of such a type beyond it means that the framing
// is lost.
constexpr std::uint64_t kMaxSmall = 10'000;
bool is_small(char type) {
    return (class_of(type) & Small) != 0;
}

Owed owed_for(char type) {
    switch (type) {
        case kParse:
            return Owed::Parse;
        case kBind:
            return Owed::Bind;
        case kDescribe:
            return Owed::DescribePortal;
        case kExecute:
            return Owed::Execute;
        case kClose:
            return Owed::Close;
        case kFunctionCall:
            return Owed::FunctionCall;
        default:
            return Owed::Query;
    }
}

}  // namespace

std::size_t Session::advance(ByteView rest) {
    if (skipping_to_sync_ || server_skips_) return skip_until_sync(rest);
    if (copying_in_) return pass_copy_data(rest);
    if (!request_.gathered) {
        const Gathered gathered = gather(rest);
        const bool is_within_message = rest.size() > request_.size && around_.functions().is_replicated();
        if (gathered == Gathered::NeedMore && !is_within_message) return await_batch_end(rest), 0;
        if (awaits_batch_end_) effects_.disarm(TimerKind::Wait);
        awaits_batch_end_ = false;
        if (gathered == Gathered::NeedMore) return 0;
        if (gathered == Gathered::Broken) return rest.size();
        request_.gathered = true;
    }
    if (request_.form == Request::Form::Terminate) {
        if (busy()) return 0;  // what was asked before is answered first
        on_client_gone();
        effects_.close();
        return rest.size();
    }
    if (request_.form == Request::Form::CopyData) {
        request_ = {};
        return pass_copy_data(rest);
    }
    return dispatch(rest.substr(0, request_.size));
}

// A client may wait for the answer to messages that it did not end with Sync or Flush, because PostgreSQL
// tells errors at once: an unfinished batch is sent after a moment.
// Mode replication: what executes something goes to all nodes as a whole, however late its Sync is.
void Session::await_batch_end(ByteView batch) {
    if (awaits_batch_end_ || request_.size == 0 || wait_ != Wait::Nothing) return;
    if (around_.functions().is_replicated() && executes_anything(batch.substr(0, request_.size))) return;
    awaits_batch_end_ = true;
    effects_.arm(TimerKind::Wait, kBatchPatience);
}

Session::Gathered Session::gather(ByteView input) {
    const bool is_replicated = around_.functions().is_replicated();
    const std::size_t most = is_replicated ? kMaxReplicated : kMaxBatch;
    while (true) {
        const ByteView rest = input.substr(request_.size);
        if (rest.empty()) return Gathered::NeedMore;
        const char type = rest[0];
        if (!is_known(type)) {
            if (request_.form == Request::Form::Batch) return Gathered::Ready;
            if (owes_client()) return Gathered::NeedMore;  // what was asked before is answered first
            protocol_violation(
                fmt::format("invalid frontend message type {}", static_cast<unsigned char>(type)));
            return Gathered::Broken;
        }
        const bool in_batch = request_.form == Request::Form::Batch;
        if (in_batch && !is_extended(type)) return Gathered::Ready;
        const auto [frame, error] = wire::next_frame(rest);
        if (error == wire::FrameError::NeedMore) return Gathered::NeedMore;
        if (error == wire::FrameError::BadLength || (is_small(type) && frame.size - 1 > kMaxSmall)) {
            if (in_batch) return Gathered::Ready;  // what came before it counts
            if (owes_client()) return Gathered::NeedMore;
            // PostgreSQL only logs this and closes the connection: the stream has lost its framing.
            on_client_gone();
            effects_.close();
            return Gathered::Broken;
        }
        if (is_copy(type)) {
            request_.form = Request::Form::CopyData;
            return Gathered::Ready;
        }
        if (!is_extended(type)) return gather_query(frame);
        const std::uint64_t size = is_replicated ? request_.size + frame.size : frame.size;
        if (!frame.complete()) return size > most ? gather_large(frame) : Gathered::NeedMore;
        request_.form = Request::Form::Batch;
        request_.size += static_cast<std::uint32_t>(frame.size);
        request_.synced = type == kSync;
        request_.flushed = type == kFlush;
        if (request_.synced || request_.flushed || request_.size >= most) return Gathered::Ready;
    }
}

Session::Gathered Session::gather_query(const wire::Frame& frame) {
    const std::size_t most = around_.functions().is_replicated() ? kMaxReplicated : kMaxQuery;
    if (!frame.complete() && frame.size <= most) return Gathered::NeedMore;
    request_.form = frame.type == kQuery          ? Request::Form::Query
                    : frame.type == kFunctionCall ? Request::Form::FunctionCall
                                                  : Request::Form::Terminate;
    request_.oversize = !frame.complete();
    request_.beyond = frame.size - frame.bytes.size();
    request_.size = static_cast<std::uint32_t>(frame.bytes.size());
    return Gathered::Ready;
}

// A message of a batch that is too large to be held. What came before it goes first; then it is a batch of
// its own.
Session::Gathered Session::gather_large(const wire::Frame& frame) {
    if (request_.size > 0) return Gathered::Ready;
    if (frame.size <= kMaxQuery && frame.type != kBind) return Gathered::NeedMore;
    if (frame.body.size() < kMaxNames) return Gathered::NeedMore;
    request_.form = Request::Form::Batch;
    request_.oversize = true;
    request_.beyond = frame.size - frame.bytes.size();
    request_.size = static_cast<std::uint32_t>(frame.bytes.size());
    return Gathered::Ready;
}

void Session::protocol_violation(std::string_view message) {
    fatal({.severity = wire::Severity::Fatal, .sqlstate = sqlstate::kProtocolViolation, .message = message});
}

// The rest of a message whose head has gone, or is not wanted.
std::size_t Session::stream(ByteView rest) {
    const std::size_t count = std::min<std::uint64_t>(stream_left_, rest.size());
    if (!stream_dropped_) effects_.send(*link_, rest.substr(0, count));
    if (streams_everywhere_ && spread_) stream_to_followers(rest.substr(0, count));
    stream_left_ -= count;
    streams_everywhere_ = streams_everywhere_ && stream_left_ > 0;
    return count;
}

std::size_t Session::skip_until_sync(ByteView rest) {
    const auto [frame, error] = wire::next_frame(rest);
    if (error == wire::FrameError::NeedMore) return 0;
    if (error == wire::FrameError::BadLength || frame.type == kTerminate || !is_known(frame.type)) {
        skipping_to_sync_ = server_skips_ = false;
        return advance(rest);
    }
    if (frame.type == kSync) {
        if (!frame.complete()) return 0;
        if (std::exchange(server_skips_, false)) {
            link_->replies.push(Owed::Sync);
            unsynced_ = false;
            effects_.send(*link_, frame.bytes);
            return frame.size;
        }
        skipping_to_sync_ = false;
        say_ready();
        release_if_free();
        return frame.size;
    }
    stream_left_ = frame.size;
    stream_dropped_ = true;
    return stream(rest);
}

// CopyData, CopyDone, CopyFail; while a COPY FROM STDIN runs anything else too: the server knows what to say
// to it. It ignores Sync and Flush; over other messages it ends the connection, unless the COPY has failed
// there by now: then they run.
std::size_t Session::pass_copy_data(ByteView rest) {
    const auto [frame, error] = wire::next_frame(rest);
    if (error == wire::FrameError::NeedMore) return 0;
    if (error == wire::FrameError::BadLength || (frame.type == kTerminate && !copying_in_)) {
        copying_in_ = false;
        return advance(rest);
    }
    if (copies() && may_copy_in_ && !spread_->copies_in) return 0;  // for all nodes, once main takes them
    const bool to_server = link_ != nullptr && (copying_in_ || owes_client() || unsynced_);
    if (frame.type == kCopyDone || frame.type == kCopyFail) {
        if (to_server) link_->replies.push(Owed::CopyEnd, Deliver::Swallow);
        copying_in_ = false;
    } else if (copying_in_ && frame.type != kCopyData && frame.type != kSync && frame.type != kFlush &&
               frame.type != kTerminate) {
        Expected& unread = link_->replies.push(owed_for(frame.type));  // it may be anything
        link_->replies.leave(unread, sql::Leaves::UnknownCode);
        unread.marks = {.commits = true, .writes = true, .is_ddl = true};
        unsynced_ = is_extended(frame.type);
        copying_in_ = false;
    }
    // Whether the server would ignore a Sync depends on whether the COPY has failed there by now.
    const bool ignored = copying_in_ && (frame.type == kSync || frame.type == kFlush);
    stream_left_ = frame.size;
    stream_dropped_ = !to_server || ignored;
    streams_everywhere_ = spread_ && spread_->streams && is_copy(frame.type);
    if (streams_everywhere_ && frame.type != kCopyData && !spread_->filled) spread_->streams = false;
    return stream(rest);
}

}  // namespace pgpool::exec
