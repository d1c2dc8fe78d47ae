// SPDX-License-Identifier: PostgreSQL
#pragma once

// RowImages: the rows that the main node has written, by one execution of a statement, on their way to the
// others (replication::ImagePlan). Main executes the statement with more columns behind what the client wants
// returned; the client sees no more than it asked for. Values travel as text.
//
// Rows beyond kMostBytes are not kept: then the rows do not fit(), and nothing can be repeated.
// Sequences that filled a column follow: forward only, to the furthest value that was taken. Pure; one worker
// only.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "proxy/exec/copied_request.h"
#include "proxy/exec/follower.h"
#include "proxy/replication/image_plan.h"

namespace pgpool::exec {

class RowImages {
public:
    static constexpr std::size_t kMostBytes = std::size_t{32} << 20U;

    explicit RowImages(replication::ImagePlanPtr plan)
        : plan_(std::move(plan)), positions_(plan_->sequences.size()) {}

    [[nodiscard]] const replication::ImagePlan& plan() const { return *plan_; }
    // The client's result formats of a Bind, with one for each column that was added.
    [[nodiscard]] std::string with_formats(ByteView bind_rest) const;
    // One format is for all columns, and it is binary.
    [[nodiscard]] bool is_binary(ByteView bind_rest) const;

    // Bodies of main's messages as the client gets them; nothing: it gets none.
    [[nodiscard]] std::optional<std::string> description(ByteView body) const;
    [[nodiscard]] std::optional<std::string> take_row(ByteView body);  // and keeps the image

    [[nodiscard]] bool is_told_by(std::string_view tag) const;  // as many rows as have come
    [[nodiscard]] bool fits() const { return bytes_ <= kMostBytes; }
    // What main tells of how they came to be. Why their text may be read as other values, in words behind a
    // comma; empty: it is not so. And whether the table has other columns by now than those that travel.
    [[nodiscard]] const std::string& misread() const { return misread_; }
    [[nodiscard]] bool has_other_columns() const { return has_other_columns_; }
    // Why the rows cannot be repeated, in words; empty: they can.
    [[nodiscard]] std::string obstacle() const;
    // What the others execute, and what they answer if all is well.
    // `scope`: what the meaning of the table's name rests on. `token`: see markers::kAdvance, kKeepQuiet.
    void add_to(CopiedRequest& request, PreparedRegistry& registry, std::string_view scope,
                std::int64_t token) const;
    void add_to(StepOutcome& outcome) const;

private:
    void note_positions(ByteView body, std::size_t wanted);
    void note_check(std::string_view check);
    [[nodiscard]] bool is_told_at_once() const { return rows_.size() > 1 && !plan_->repeat_all.empty(); }
    void add_rows(CopiedRequest& request, PreparedRegistry& registry, std::string_view scope) const;
    [[nodiscard]] std::size_t taken() const { return plan_->returned.size() - plan_->extra; }
    [[nodiscard]] std::string one_by_one(const std::string& row) const;
    [[nodiscard]] std::string all_at_once() const;
    [[nodiscard]] std::string arrays_of(const std::vector<std::size_t>& places) const;

    replication::ImagePlanPtr plan_;
    std::vector<std::optional<std::int64_t>> positions_;  // of plan_->sequences
    std::optional<std::string> check_;                    // the last one
    std::string misread_;
    bool has_other_columns_ = false;
    std::size_t bytes_ = 0;
    std::size_t count_ = 0;
    std::vector<std::string> rows_;  // the columns of each as they stand in a DataRow
};

}  // namespace pgpool::exec
