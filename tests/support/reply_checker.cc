// SPDX-License-Identifier: PostgreSQL
#include "tests/support/reply_checker.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "common/wire/error_fields.h"
#include "common/wire/message.h"

namespace pgpool::support {

namespace {

namespace front = wire::frontend;
namespace back = wire::backend;

constexpr char kDescribePortal = 'p';

bool is_copy(char type) {
    return type == front::kCopyData || type == front::kCopyDone || type == front::kCopyFail;
}
bool is_asynchronous(char type) {
    return type == back::kNoticeResponse || type == back::kParameterStatus ||
           type == back::kNotificationResponse;
}
bool ends_with_ready(char type) {
    return type == front::kQuery || type == front::kFunctionCall || type == front::kSync;
}

}  // namespace

void ReplyChecker::queue(char type) {
    owed_.push_back({type});
}

void ReplyChecker::sent(const wire::Frame& frame) {
    if (fatal_ || frame.type == front::kTerminate) return;
    if (copy_in_) {
        if (frame.type == front::kSync) ++syncs_in_copy_;
        if (frame.type == front::kCopyData || frame.type == front::kFlush || frame.type == front::kSync)
            return;
        copy_in_ = false;  // anything else ends it: CopyDone and CopyFail by right, the rest with an error
        if (is_copy(frame.type)) return;
    }
    if (skipping_) {
        if (frame.type != front::kSync) return;
        skipping_ = false;
    }
    if (frame.type == front::kFlush) return;
    if (ends_with_ready(frame.type)) unsynced_ = false;
    if (!ends_with_ready(frame.type) && !is_copy(frame.type)) unsynced_ = true;
    const bool of_portal = frame.type == front::kDescribe && !frame.body.empty() && frame.body.front() == 'P';
    queue(of_portal ? kDescribePortal : frame.type);
}

std::size_t ReplyChecker::owed_ready() const {
    return static_cast<std::size_t>(std::count_if(
        owed_.begin(), owed_.end(), [](const Owed& owed) { return ends_with_ready(owed.type); }));
}

std::string ReplyChecker::unexpected(char type) const {
    return fmt::format("message '{}' came while '{}' was to be answered", type,
                       owed_.empty() ? std::string("nothing") : std::string(1, owed_.front().type));
}

std::string ReplyChecker::received(const wire::Frame& frame) {
    if (fatal_) return fmt::format("message '{}' came after a FATAL error", frame.type);
    if (is_asynchronous(frame.type)) return {};
    // Copy data that nobody asked for, or of a COPY that failed, are ignored by the server.
    while (!owed_.empty() && is_copy(owed_.front().type)) owed_.pop_front();
    if (frame.type == back::kErrorResponse) return on_error(wire::read_error_fields(frame.body).fatal());
    if (frame.type == back::kReadyForQuery) {
        return frame.body.size() == 1 ? on_ready(frame.body.front()) : "malformed ReadyForQuery";
    }
    late_syncs_ = 0;
    if (frame.type == back::kCommandComplete) syncs_in_copy_ = 0;
    if (owed_.empty()) return unexpected(frame.type);
    Owed& head = owed_.front();
    if (copy_out_) {
        if (frame.type == back::kCopyData) return {};
        if (frame.type != back::kCopyDone) return unexpected(frame.type);
        copy_out_ = false;
        return {};
    }
    if (head.has_failed) return unexpected(frame.type);
    if (ends_with_ready(head.type)) return on_query_answer(frame.type, head);
    return on_extended_answer(frame.type, head);
}

std::string ReplyChecker::on_error(bool fatal) {
    copy_in_ = copy_out_ = false;
    late_syncs_ = std::exchange(syncs_in_copy_, 0);
    if (fatal) {
        fatal_ = true;
        owed_.clear();
        return {};
    }
    if (owed_.empty()) return "an error came unasked";
    if (owed_.front().has_failed) return "a second error for the same message";
    if (!ends_with_ready(owed_.front().type)) {  // everything up to the next Sync is ignored, a Query too
        while (!owed_.empty() && owed_.front().type != front::kSync) owed_.pop_front();
    }
    skipping_ = owed_.empty();
    if (!owed_.empty()) owed_.front().has_failed = true;
    return {};
}

std::string ReplyChecker::on_ready(char status) {
    if (status != 'I' && status != 'T' && status != 'E') return "ReadyForQuery with an unknown status";
    if (copy_in_ || copy_out_) return "ReadyForQuery within a COPY";
    if (ready_is_due()) {
        owed_.pop_front();
    } else if (late_syncs_ > 0) {
        --late_syncs_;
        skipping_ = false;
    } else {
        return unexpected(back::kReadyForQuery);
    }
    status_ = status;
    return {};
}

// A Query or FunctionCall says something before it, be it an error.
bool ReplyChecker::ready_is_due() const {
    if (owed_.empty() || !ends_with_ready(owed_.front().type)) return false;
    const Owed& head = owed_.front();
    return head.type == front::kSync || head.has_answered || head.has_failed;
}

std::string ReplyChecker::on_query_answer(char type, Owed& head) {
    if (head.type == front::kSync) return unexpected(type);
    if (head.type == front::kFunctionCall) {
        if (type != back::kFunctionCallResponse || head.has_answered) return unexpected(type);
        head.has_answered = true;
        return {};
    }
    switch (type) {
        case back::kRowDescription:
        case back::kDataRow:
            return {};
        case back::kCommandComplete:
        case back::kEmptyQueryResponse:
            head.has_answered = true;
            return {};
        case back::kCopyInResponse:
            begin_copy_in();
            return {};
        case back::kCopyOutResponse:
            copy_out_ = true;
            return {};
        default:
            return unexpected(type);
    }
}

std::string ReplyChecker::on_extended_answer(char type, Owed& head) {
    const auto answered_by = [&](char wanted) {
        if (type != wanted) return unexpected(type);
        owed_.pop_front();
        return std::string();
    };
    switch (head.type) {
        case front::kParse:
            return answered_by(back::kParseComplete);
        case front::kBind:
            return answered_by(back::kBindComplete);
        case front::kClose:
            return answered_by(back::kCloseComplete);
        case front::kExecute:
            return on_execute_answer(type, head);
        default:
            break;
    }
    if (head.type == front::kDescribe && !head.has_answered) {
        if (type != back::kParameterDescription) return unexpected(type);
        head.has_answered = true;
        return {};
    }
    if (type != back::kRowDescription && type != back::kNoData) return unexpected(type);
    owed_.pop_front();
    return {};
}

std::string ReplyChecker::on_execute_answer(char type, Owed& head) {
    switch (type) {
        case back::kDataRow:
            head.has_answered = true;
            return {};
        case back::kCommandComplete:
        case back::kEmptyQueryResponse:
        case back::kPortalSuspended:
            owed_.pop_front();
            return {};
        case back::kCopyInResponse:
            begin_copy_in();
            return {};
        case back::kCopyOutResponse:
            copy_out_ = true;
            return {};
        default:
            return unexpected(type);
    }
}

// What the client sent in advance is the copied data, if it is that; Sync and Flush among it are ignored.
void ReplyChecker::begin_copy_in() {
    copy_in_ = true;
    syncs_in_copy_ = 0;
    std::deque<Owed> rest(std::next(owed_.begin()), owed_.end());
    owed_.resize(1);
    while (copy_in_ && !rest.empty()) {
        const char type = rest.front().type;
        const bool is_data = type == front::kCopyData || type == front::kSync;
        if (!is_data) copy_in_ = false;
        if (type == front::kSync) ++syncs_in_copy_;
        if (is_data || is_copy(type)) rest.pop_front();
    }
    owed_.insert(owed_.end(), rest.begin(), rest.end());
    unsynced_ = !owed_.empty() && !ends_with_ready(owed_.back().type);
}

}  // namespace pgpool::support
