// SPDX-License-Identifier: PostgreSQL
#pragma once

// Which columns of its row a trigger function in PL/pgSQL may change, judged by its words alone. Pure.
//
// Conservative: NEW and OLD, and columns of theirs, count as changed wherever they could be a target: at the
// begin of a statement before "=", before ":=", in a list behind INTO, FOR or GET DIAGNOSTICS, behind a
// comma. As NEW is known by this name alone, whoever gives the row another one (ALIAS, a label in front) or
// returns another row than NEW or OLD may change all of it. REQUIRES: no EXECUTE, see
// FunctionBody::unreadable.

#include <string>
#include <string_view>
#include <vector>

namespace pgpool::health {

struct RowChanges {
    bool any = false;                  // column
    std::vector<std::string> columns;  // each once
    friend bool operator==(const RowChanges&, const RowChanges&) = default;
};

[[nodiscard]] RowChanges read_row_changes(std::string_view source);

}  // namespace pgpool::health
