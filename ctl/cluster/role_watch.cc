// SPDX-License-Identifier: PostgreSQL
#include "ctl/cluster/role_watch.h"

#include "ctl/cluster/fields.h"

namespace pgpool::ctl {

namespace {

// The longest that the beginning is not seen.
constexpr milliseconds kBeginning{3000};

}  // namespace

RoleWatch::Verdict RoleWatch::look(const Json& status, milliseconds elapsed) {
    const bool is_steady = text_of(status, "phase") == "steady";
    if (!is_steady) {
        has_begun_ = true;
        return Verdict::UnderWay;
    }
    if (text_of(status, "primary") != before_) return Verdict::Done;
    return has_begun_ || elapsed >= kBeginning ? Verdict::Dropped : Verdict::UnderWay;
}

}  // namespace pgpool::ctl
