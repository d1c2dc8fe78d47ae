// SPDX-License-Identifier: PostgreSQL
#pragma once

// Hints in the comment before a request: /* pgpool: primary */, /* pgpool: standby */, /* pgpool: node=name
// */, and /*NO LOAD BALANCE*/, which means primary. Letter case and blanks do not matter, but for the node's
// name.

#include <string_view>

#include "proxy/sql/statement.h"

namespace pgpool::sql {

struct ParsedHint {
    Hint hint = Hint::None;
    std::string_view node;  // a view of the comment
    [[nodiscard]] bool empty() const { return hint == Hint::None && node.empty(); }
};

// `comment` with its marks: "/* ... */" or "-- ...". Empty for a comment that is no hint of ours.
[[nodiscard]] ParsedHint parse_hint(std::string_view comment);

}  // namespace pgpool::sql
