// SPDX-License-Identifier: PostgreSQL
#pragma once

// Compares the rows of one table on all nodes.

#include <string>
#include <vector>

#include "ctl/verify/settle.h"
#include "ctl/verify/surroundings.h"
#include "ctl/verify/table.h"

namespace pgpool::ctl::verify {

class TableComparison {
public:
    // `table` outlives it.
    TableComparison(const Surroundings& surroundings, const Table& table)
        : in_(surroundings), table_(table) {}

    // Ends early when it has found enough. A table that is altered or dropped meanwhile becomes a note.
    [[nodiscard]] Answer<void> run();

private:
    struct Chunk {
        Range range;
        bool is_equal = false;
    };
    [[nodiscard]] Answer<void> compare_by_key();
    [[nodiscard]] Answer<Chunk> next_chunk(const std::optional<Key>& lower);
    [[nodiscard]] Answer<std::optional<Key>> boundary_on(std::size_t node, const std::optional<Key>& lower);
    [[nodiscard]] Answer<void> look_into(const Range& range);

    [[nodiscard]] Answer<void> compare_as_multiset();
    struct Buckets {
        std::uint32_t count = 1;
        bool are_equal = false;
    };
    [[nodiscard]] Answer<Buckets> first_look();
    [[nodiscard]] Answer<void> look_into(std::uint32_t buckets, const std::vector<Suspect>& wanted);
    [[nodiscard]] Answer<std::string> text_of_row(const Suspect& suspect);

    void count(std::uint64_t rows);
    void add(const Suspect& suspect, const std::string& key);
    [[nodiscard]] bool has_enough() const;

    Surroundings in_;
    const Table& table_;
    std::size_t found_ = 0;
};

}  // namespace pgpool::ctl::verify
