// SPDX-License-Identifier: PostgreSQL

// Input: a run of messages, of either direction. Checked besides memory safety: frames are contiguous and
// within the input, and the same whether the bytes come at once or one by one; what a reader takes apart lies
// within the body and makes the same message again; copies of an error keep its code and text.

#include <cstdint>

#include "common/base/error.h"
#include "common/wire/decoder.h"
#include "common/wire/encoder.h"
#include "common/wire/error_fields.h"
#include "common/wire/messages.h"

namespace {

namespace wire = pgpool::wire;
using pgpool::ByteView;

bool lies_within(ByteView part, ByteView whole) {
    return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

// The header alone tells type and size; before it is there nothing is told.
void check_beginning(const wire::FrameResult& whole, ByteView bytes) {
    for (std::size_t size = 0; size < wire::kFrameHeader && size < bytes.size(); ++size) {
        PGPOOL_ASSERT(wire::next_frame(bytes.substr(0, size)).error == wire::FrameError::NeedMore);
    }
    const auto header = wire::next_frame(bytes.substr(0, wire::kFrameHeader));
    PGPOOL_ASSERT(header.error == whole.error);
    PGPOOL_ASSERT(header.frame.type == whole.frame.type && header.frame.size == whole.frame.size);
}

void check_parse(ByteView body) {
    const auto parse = wire::read_parse(body);
    if (!parse) return;
    PGPOOL_ASSERT(lies_within(parse->name, body) && lies_within(parse->sql, parse->sql_and_types));
    std::string again;
    wire::append_parse(again, parse->name, parse->sql_and_types);
    PGPOOL_ASSERT(ByteView(again).substr(wire::kFrameHeader) == body);
}

void check_bind(ByteView body) {
    const auto bind = wire::read_bind(body);
    if (!bind) return;
    PGPOOL_ASSERT(bind->portal.size() + bind->statement.size() + 2 + bind->rest.size() == body.size());
    const auto values = wire::read_bind_values(bind->rest);
    if (values)
        PGPOOL_ASSERT(values->result_formats.size() * 2 + values->parameters * 4U <= bind->rest.size());
}

void check_target(ByteView body) {
    const auto target = wire::read_target(body);
    if (target) PGPOOL_ASSERT(target->name.size() + 2 == body.size());
}

void check_texts(ByteView body) {
    if (const auto sql = wire::read_query(body)) PGPOOL_ASSERT(sql->size() + 1 == body.size());
    if (const auto execute = wire::read_execute(body))
        PGPOOL_ASSERT(execute->portal.size() + 5 == body.size());
    if (const auto status = wire::read_parameter_status(body)) {
        std::string again;
        wire::append_parameter_status(again, status->name, status->value);
        PGPOOL_ASSERT(ByteView(again).substr(wire::kFrameHeader) == body);
    }
}

void check_error(ByteView body) {
    const auto fields = wire::read_error_fields(body);
    const std::string fatal = wire::as_fatal(body);
    const auto of_copy = wire::read_error_fields(fatal);
    PGPOOL_ASSERT(of_copy.sqlstate == fields.sqlstate && of_copy.message == fields.message);
    PGPOOL_ASSERT(fields.severity.empty() || of_copy.fatal());
    PGPOOL_ASSERT(!wire::read_error_fields(wire::as_error(fatal)).fatal());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    ByteView rest(reinterpret_cast<const char*>(bytes), size);
    while (rest.size() >= wire::kFrameHeader) {
        const auto found = wire::next_frame(rest);
        check_beginning(found, rest);
        if (found.error) return 0;
        const wire::Frame& frame = found.frame;
        PGPOOL_ASSERT(frame.size >= wire::kFrameHeader && frame.bytes.data() == rest.data());
        PGPOOL_ASSERT(frame.body.size() + wire::kFrameHeader == frame.bytes.size());
        PGPOOL_ASSERT(frame.complete() == (frame.size <= rest.size()));
        check_parse(frame.body);
        check_bind(frame.body);
        check_target(frame.body);
        check_texts(frame.body);
        check_error(frame.body);
        rest.remove_prefix(frame.bytes.size());
    }
    return 0;
}
