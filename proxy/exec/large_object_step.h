// SPDX-License-Identifier: PostgreSQL
#pragma once

// LargeObjectStep: one call for large objects on its way from main to the other nodes (what they do in its
// place: replication/large_objects.h). It waits for main's result, which they must come to as well. Pure.

#include <cstdint>
#include <optional>

#include "common/base/bytes.h"
#include "proxy/exec/copied_request.h"
#include "proxy/replication/large_objects.h"

namespace pgpool::exec {

class LargeObjectStep {
public:
    // `is_binary`: how main gives the result. `is_repeated`: whether the others do it at all.
    LargeObjectStep(replication::LargeObjectCall call, bool is_binary, bool is_repeated)
        : call_(std::move(call)), is_binary_(is_binary), is_repeated_(is_repeated) {}

    // Bodies of main's messages: a DataRow with one column, or a FunctionCallResponse. Larger ones, which may
    // be here in part only, are of no interest.
    void take_row(ByteView body);
    void take_response(ByteView body);

    [[nodiscard]] const replication::LargeObjectCall& call() const { return call_; }
    [[nodiscard]] bool is_repeated() const { return is_repeated_; }
    [[nodiscard]] bool is_answered() const { return result_ || !call_.has_number(); }
    // REQUIRES: is_repeated() and is_answered()
    [[nodiscard]] CopiedRequest::Execution execution(PreparedRegistry& registry) const;
    // The descriptor that main has opened.
    [[nodiscard]] std::optional<std::int64_t> opened() const;

private:
    void take(Cursor& value);

    replication::LargeObjectCall call_;
    bool is_binary_ = false;
    bool is_repeated_ = false;
    std::optional<std::int64_t> result_;
};

}  // namespace pgpool::exec
