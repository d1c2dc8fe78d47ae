// SPDX-License-Identifier: PostgreSQL
#pragma once

// RowImages: an INSERT that each node would execute with other values (sequences, now(), random()): main
// executes it with RETURNING of all columns behind what the client wrote, and its rows travel to the others
// as values. The client sees no more than it asked for.
//
// Sequences that filled a column follow: forward only, to the highest value that was taken. Pure; one worker
// only.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "proxy/exec/copied_request.h"
#include "proxy/exec/follower.h"
#include "proxy/sql/catalog_facts.h"
#include "proxy/sql/statement.h"

namespace pgpool::exec {

class RowImages {
public:
    // Nothing: not an INSERT by itself, or the columns of its table are not known for sure.
    [[nodiscard]] static std::optional<RowImages> of(const sql::StatementInfo& info,
                                                     const sql::CatalogFacts* facts);

    // What main executes in place of `sql`.
    [[nodiscard]] std::string on_main(std::string_view sql) const;
    // The client's result formats of a Bind, with one for each column that was added.
    [[nodiscard]] std::string with_formats(ByteView bind_rest);

    // Bodies of main's messages as the client gets them; nothing: it gets none.
    [[nodiscard]] std::optional<std::string> description(ByteView body) const;
    [[nodiscard]] std::optional<std::string> take_row(ByteView body);  // and keeps the image

    // What the others execute, and what they answer if all is well.
    [[nodiscard]] CopiedRequest request(PreparedRegistry& registry) const;
    [[nodiscard]] StepOutcome outcome() const;

private:
    struct Sequence {
        std::size_t column = 0;
        std::int64_t last = 0;
        bool taken = false;
    };

    std::string target_;                // as it was written
    std::vector<std::string> names_;    // of its columns
    std::vector<std::string> columns_;  // the same, quoted
    std::vector<Sequence> sequences_;
    bool client_returns_ = false;
    bool is_binary_ = false;
    std::vector<std::string> rows_;  // the columns of each as they stand in a DataRow
};

}  // namespace pgpool::exec
