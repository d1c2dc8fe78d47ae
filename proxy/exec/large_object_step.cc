// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/large_object_step.h"

namespace pgpool::exec {

void LargeObjectStep::take_row(ByteView body) {
    Cursor row(body);
    if (row.u16() == 1) take(row);
}

void LargeObjectStep::take_response(ByteView body) {
    Cursor value(body);
    take(value);
}

void LargeObjectStep::take(Cursor& value) {
    constexpr std::uint32_t kLongest = 20;
    const std::uint32_t size = value.u32();
    if (!call_.has_number() || size > kLongest) return;
    result_ = replication::whole_number({std::string(value.bytes(size)), is_binary_});
}

CopiedRequest::Execution LargeObjectStep::execution(PreparedRegistry& registry) const {
    replication::RepeatedCall repeated = replication::repeat(call_, result_.value_or(0));
    return {registry.intern(parse_body(repeated.sql), "", nullptr), std::move(repeated.values)};
}

std::optional<std::int64_t> LargeObjectStep::opened() const {
    const bool opens = call_.function == replication::LargeObjectFunction::Open;
    return opens ? result_ : std::nullopt;
}

}  // namespace pgpool::exec
