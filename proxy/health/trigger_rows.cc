// SPDX-License-Identifier: PostgreSQL
#include "proxy/health/trigger_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <unordered_map>
#include <utility>

#include "proxy/health/trigger_body.h"

namespace pgpool::health {

namespace {

using pg::Rows;
using Oid = std::uint32_t;

// Bits of pg_trigger.tgtype (catalog/pg_trigger.h).
constexpr unsigned kForEachRow = 1U << 0U;
constexpr unsigned kBefore = 1U << 1U;
constexpr unsigned kInsertEvent = 1U << 2U;
constexpr unsigned kDeleteEvent = 1U << 3U;
constexpr unsigned kUpdateEvent = 1U << 4U;
constexpr unsigned kTruncateEvent = 1U << 5U;

// In C, of PostgreSQL and of extensions that come with it: they write nothing, and change at most the column
// that their first argument names.
constexpr auto kKnownInC =
    std::to_array<std::string_view>({"insert_username", "moddatetime", "suppress_redundant_updates_trigger",
                                     "tsvector_update_trigger", "tsvector_update_trigger_column"});

Oid to_oid(std::string_view text) {
    Oid value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

const Rows& of(const CatalogRows& rows, CatalogQuery query) {
    return rows[static_cast<std::size_t>(query)];
}

bool is_known_in_c(const Rows& functions, std::size_t row) {
    const std::string_view language = functions.text(row, 4);
    const bool is_known =
        std::find(kKnownInC.begin(), kKnownInC.end(), functions.text(row, 2)) != kKnownInC.end();
    return is_known && (language == "c" || language == "internal");
}

class TriggerReader {
public:
    TriggerReader(const CatalogRows& rows, std::span<const sql::FunctionFacts> functions,
                  const std::function<sql::Default(std::string_view)>& judge)
        : events_(of(rows, CatalogQuery::Events)),
          functions_(of(rows, CatalogQuery::Functions)),
          facts_(functions),
          judge_(judge) {
        for (std::size_t i = 0; i < functions_.size(); ++i)
            function_by_oid_.emplace(to_oid(functions_.text(i, 0)), i);
    }

    Trigger read(std::size_t row) const {
        const unsigned type = to_oid(events_.text(row, 2));
        const std::string_view enabled = events_.text(row, 4);
        Trigger trigger;
        trigger.relation = to_oid(events_.text(row, 0));
        trigger.name = events_.text(row, 1);
        trigger.on_insert = (type & kInsertEvent) != 0;
        trigger.on_update = (type & kUpdateEvent) != 0;
        trigger.on_delete = (type & kDeleteEvent) != 0;
        trigger.on_truncate = (type & kTruncateEvent) != 0;
        trigger.is_always = enabled == "A" || enabled == "R";
        if (enabled == "R") return trigger;  // it never fires but there
        trigger.is_before = (type & kBefore) != 0 && (type & kForEachRow) != 0;
        trigger.looks = events_.is_true(row, 6);
        add_function(trigger, row);
        if (events_.at(row, 5)) add_condition(trigger, events_.text(row, 5));
        return trigger;
    }

private:
    // One that is not in the list was made while the catalogs were read.
    void add_function(Trigger& trigger, std::size_t row) const {
        const auto found = function_by_oid_.find(to_oid(events_.text(row, 3)));
        if (found == function_by_oid_.end()) {
            trigger.may_write = true;
            return;
        }
        const std::size_t function = found->second;
        if (is_known_in_c(functions_, function)) {
            trigger.looks = true;
            const std::string_view column = events_.text(row, 7);
            // Bytes of other alphabets are written as numbers, see CatalogQuery::Events.
            trigger.assigns_any = column.find('\\') != std::string_view::npos;
            if (!column.empty()) trigger.assigned.emplace_back(column);
            return;
        }
        trigger.may_write = facts_[function].acts;
        trigger.looks = trigger.looks || facts_[function].looks;
        if (functions_.text(function, 4) != "plpgsql") {
            trigger.assigns_any = true;
            return;
        }
        RowChanges changes = read_row_changes(functions_.text(function, 6));
        trigger.assigns_any = changes.any;
        trigger.assigned = std::move(changes.columns);
    }

    void add_condition(Trigger& trigger, std::string_view tree) const {
        const sql::Default judged = judge_(tree);
        trigger.may_write = trigger.may_write || judged >= sql::Default::Sequence;
        trigger.looks = trigger.looks || judged != sql::Default::Deterministic;
    }

    const Rows& events_;
    const Rows& functions_;
    std::span<const sql::FunctionFacts> facts_;
    const std::function<sql::Default(std::string_view)>& judge_;
    std::unordered_map<Oid, std::size_t> function_by_oid_;
};

}  // namespace

bool Trigger::assigns(std::string_view column) const {
    return assigns_any || std::find(assigned.begin(), assigned.end(), column) != assigned.end();
}

std::string Trigger::in_words(std::string_view table) const {
    return fmt::format("trigger \"{}\" on table \"{}\"", name, table);
}

sql::TriggerFacts Trigger::facts(std::string_view table) const {
    sql::TriggerFacts facts;
    const std::string words = in_words(table);
    facts.is_before = is_before;
    if (looks) (is_before ? facts.looks_before : facts.looks) = words;
    if (is_always) facts.always = words;
    if (!is_before) return facts;
    if (assigns_any) facts.assigns_any = words;
    facts.assigned = assigned;
    return facts;
}

std::vector<Trigger> read_triggers(const CatalogRows& rows, std::span<const sql::FunctionFacts> functions,
                                   const std::function<sql::Default(std::string_view)>& judge) {
    std::vector<Trigger> all;
    const std::size_t count = of(rows, CatalogQuery::Events).size();
    if (count == 0) return all;
    const TriggerReader reader(rows, functions, judge);
    for (std::size_t i = 0; i < count; ++i) all.push_back(reader.read(i));
    return all;
}

}  // namespace pgpool::health
