// SPDX-License-Identifier: PostgreSQL
#pragma once

// CopiedRequest: what a request of the client executes, kept so that other nodes can execute the same and
// that it can be done again from a marker. The main node has had the client's own messages; the others get
// these. Pure.

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/markers/redo.h"
#include "proxy/exec/prepared.h"

namespace pgpool::exec {

struct CopiedRequest {
    // One Bind and its Execute.
    struct Execution {
        PreparedPtr statement;
        std::string values;  // of the Bind, what follows the two names
    };
    std::string sql;                    // of a Query
    std::vector<Execution> executions;  // of a batch
    std::string before{};               // SQL that makes what the Query needs, PREPARE,
    std::string after{};                // and takes it away again

    [[nodiscard]] std::size_t bytes() const;
    [[nodiscard]] bool empty() const { return sql.empty() && executions.empty(); }
};

// Whether a batch runs something; what only prepares it is not a copy's concern.
[[nodiscard]] bool executes_anything(ByteView batch);

// Of a Bind with parameters in text: what follows the two names.
[[nodiscard]] std::string text_values(std::initializer_list<std::string_view> texts);

// Adds what the request did to what its transaction did.
void add_to_redo(markers::Redo& redo, const CopiedRequest& request);

}  // namespace pgpool::exec
