// SPDX-License-Identifier: PostgreSQL
#include "tests/support/frames.h"

#include <fmt/core.h>

#include "common/base/error.h"
#include "common/wire/encoder.h"
#include "common/wire/error_fields.h"
#include "common/wire/message.h"
#include "common/wire/messages.h"

namespace pgpool::support {

namespace {

using wire::FrameBuilder;
namespace front = wire::frontend;
namespace back = wire::backend;

std::string empty_message(char type) {
    std::string frame;
    wire::append_frame(frame, type, {});
    return frame;
}

std::string target_message(char type, char kind, std::string_view name) {
    std::string frame;
    FrameBuilder(frame, type).byte1(kind).string(name);
    return frame;
}

// Values of a Bind (from its parameter formats on) or of a DataRow.
std::string print_values(Cursor cursor) {
    std::string text;
    for (std::uint16_t left = cursor.u16(); left > 0 && cursor.ok(); --left) {
        const std::int32_t size = cursor.i32();
        if (size >= 0) text += cursor.bytes(static_cast<std::size_t>(size));
        if (left > 1) text.push_back(',');
    }
    return text;
}

std::string print_bind(ByteView body) {
    const auto bind = wire::read_bind(body);
    if (!bind) return "B(malformed)";
    Cursor cursor(bind->rest);
    cursor.bytes(std::size_t{cursor.u16()} * 2);
    return fmt::format("B({}|{}|{})", bind->portal, bind->statement, print_values(cursor));
}

std::string print_error(char type, ByteView body) {
    const wire::ErrorFields fields = wire::read_error_fields(body);
    return fmt::format("{}({}{})", type, fields.fatal() ? "FATAL " : "", fields.sqlstate);
}

template <typename Print>
std::string print_all(ByteView frames, Print print) {
    std::string text;
    while (!frames.empty()) {
        const auto [frame, error] = wire::next_frame(frames);
        PGPOOL_ASSERT(!error && frame.complete());
        if (!text.empty()) text.push_back(' ');
        text += print(frame);
        frames.remove_prefix(frame.size);
    }
    return text;
}

}  // namespace

std::string query(std::string_view sql) {
    std::string frame;
    wire::append_query(frame, sql);
    return frame;
}

std::string parse(std::string_view name, std::string_view sql, const std::vector<std::uint32_t>& types) {
    std::string frame;
    FrameBuilder builder(frame, front::kParse);
    builder.string(name).string(sql).int16(static_cast<std::uint16_t>(types.size()));
    for (const std::uint32_t type : types) builder.int32(type);
    return frame;
}

std::string bind_portal(std::string_view portal, std::string_view statement,
                        const std::vector<std::string>& parameters) {
    std::string frame;
    FrameBuilder builder(frame, front::kBind);
    builder.string(portal).string(statement).int16(0).int16(static_cast<std::uint16_t>(parameters.size()));
    for (const std::string& value : parameters) {
        builder.int32(static_cast<std::uint32_t>(value.size())).bytes(value);
    }
    builder.int16(0);
    return frame;
}

std::string describe_statement(std::string_view name) {
    return target_message(front::kDescribe, 'S', name);
}
std::string describe_portal(std::string_view name) {
    return target_message(front::kDescribe, 'P', name);
}
std::string close_statement(std::string_view name) {
    return target_message(front::kClose, 'S', name);
}
std::string close_portal(std::string_view name) {
    return target_message(front::kClose, 'P', name);
}

std::string execute(std::string_view portal, std::uint32_t max_rows) {
    std::string frame;
    FrameBuilder(frame, front::kExecute).string(portal).int32(max_rows);
    return frame;
}

std::string sync() {
    return empty_message(front::kSync);
}
std::string flush() {
    return empty_message(front::kFlush);
}
std::string terminate() {
    return empty_message(front::kTerminate);
}

std::string function_call(std::uint32_t oid) {
    std::string frame;
    FrameBuilder(frame, front::kFunctionCall).int32(oid).int16(0).int16(0).int16(0);
    return frame;
}

std::string copy_data(std::string_view bytes) {
    std::string frame;
    wire::append_frame(frame, front::kCopyData, bytes);
    return frame;
}
std::string copy_done() {
    return empty_message(front::kCopyDone);
}
std::string copy_fail(std::string_view reason) {
    std::string frame;
    FrameBuilder(frame, front::kCopyFail).string(reason);
    return frame;
}

std::string extended(std::string_view sql, const std::vector<std::string>& parameters) {
    return parse("", sql) + bind_portal("", "", parameters) + execute() + sync();
}

std::string print_from_client(const wire::Frame& frame) {
    Cursor cursor(frame.body);
    switch (frame.type) {
        case front::kQuery:
            return fmt::format("Q({})", cursor.c_string());
        case front::kParse: {
            const auto name = cursor.c_string();
            return fmt::format("P({}|{})", name, cursor.c_string());
        }
        case front::kBind:
            return print_bind(frame.body);
        case front::kDescribe:
        case front::kClose: {
            const auto kind = static_cast<char>(cursor.u8());
            return fmt::format("{}({} {})", frame.type, kind, cursor.c_string());
        }
        case front::kExecute: {
            const auto portal = cursor.c_string();
            const std::uint32_t limit = cursor.u32();
            return limit == 0 ? fmt::format("E({})", portal) : fmt::format("E({} {})", portal, limit);
        }
        case front::kCopyData:
            return fmt::format("d({})", frame.body.size());
        case front::kCopyFail:
            return fmt::format("f({})", cursor.c_string());
        case front::kFunctionCall:
            return fmt::format("F({})", cursor.u32());
        default:
            return {frame.type};
    }
}

std::string print_from_server(const wire::Frame& frame) {
    Cursor cursor(frame.body);
    switch (frame.type) {
        case back::kDataRow:
            return fmt::format("D({})", print_values(cursor));
        case back::kCommandComplete:
            return fmt::format("C({})", cursor.c_string());
        case back::kReadyForQuery:
            return fmt::format("Z({})", frame.body);
        case back::kErrorResponse:
        case back::kNoticeResponse:
            return print_error(frame.type, frame.body);
        case back::kParameterStatus: {
            const auto name = cursor.c_string();
            return fmt::format("S({}={})", name, cursor.c_string());
        }
        case back::kParameterDescription:
            return fmt::format("t({})", cursor.u16());
        case back::kCopyData:
            return fmt::format("d({})", frame.body.size());
        case back::kNotificationResponse:
            cursor.u32();
            return fmt::format("A({})", cursor.c_string());
        default:
            return {frame.type};
    }
}

std::string print_from_client(ByteView frames) {
    return print_all(frames, [](const wire::Frame& frame) { return print_from_client(frame); });
}
std::string print_from_server(ByteView frames) {
    return print_all(frames, [](const wire::Frame& frame) { return print_from_server(frame); });
}

}  // namespace pgpool::support
