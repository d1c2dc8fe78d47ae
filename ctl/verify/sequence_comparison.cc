// SPDX-License-Identifier: PostgreSQL
#include "ctl/verify/sequence_comparison.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "common/pg/sql_text.h"
#include "ctl/verify/schema_sql.h"
#include "ctl/verify/settle.h"

namespace pgpool::ctl::verify {

namespace {

constexpr std::size_t kAtOnce = 100;

// Those that all nodes have; the schema tells of the others.
Answer<std::vector<Table>> common_sequences(Fleet& fleet) {
    const auto rows = fleet.ask({sequences_query(), {}});
    if (!rows) return tl::unexpected(rows.error());
    std::vector<Contents> present;
    for (const pg::Rows& one : *rows) {
        Contents& names = present.emplace_back();
        for (std::size_t row = 0; row < one.size(); ++row)
            names[{std::string(one.text(row, 0)), std::string(one.text(row, 1))}] = "present";
    }
    std::vector<Table> common;
    for (const auto& entry : present.front()) {
        const Key& key = entry.first;
        const bool is_everywhere = std::all_of(present.begin(), present.end(),
                                               [&](const Contents& names) { return names.contains(key); });
        if (is_everywhere) common.push_back({key[0], key[1], 0, {}, ""});
    }
    return common;
}

// index in `sequences`, last value
Statement positions(const std::vector<Table>& sequences, std::size_t first) {
    Statement statement;
    for (std::size_t i = first; i < std::min(sequences.size(), first + kAtOnce); ++i) {
        if (i > first) statement.sql += " UNION ALL ";
        statement.sql += fmt::format(
            "SELECT {}, format('%s%s', last_value, CASE format('%s', is_called) WHEN 't' THEN '' ELSE ' (not "
            "called)' END) FROM {}.{}",
            i, pg::quote_identifier(sequences[i].schema), pg::quote_identifier(sequences[i].name));
    }
    return statement;
}

void add(const Surroundings& in, const Table& sequence, const Suspect& suspect) {
    for (std::size_t i = 1; i < suspect.values.size(); ++i) {
        const auto& first = suspect.values[0];
        const auto& second = suspect.values[i];
        if (first == second || !first || !second) continue;
        in.report.differences.push_back({in.database, "sequence", sequence.label(), "", in.report.nodes[i],
                                         fmt::format("{} instead of {}", *second, *first)});
    }
}

}  // namespace

Answer<void> compare_sequences(const Surroundings& in) {
    in.progress.at("sequences");
    const auto sequences = common_sequences(in.fleet);
    if (!sequences) return tl::unexpected(sequences.error());
    for (std::size_t first = 0; first < sequences->size(); first += kAtOnce) {
        const auto list = [&](const std::vector<Suspect>& /*suspects*/) -> Answer<std::vector<Contents>> {
            const auto rows = in.fleet.ask(positions(*sequences, first));
            if (!rows) return tl::unexpected(rows.error());
            return contents_of(*rows, 1);
        };
        const auto suspects = settle(list, {in.options.tries, moves_in_step});
        if (!suspects && !suspects.error().is_of_change()) return tl::unexpected(suspects.error());
        if (!suspects)
            in.note(fmt::format("some sequences are not compared: {}", suspects.error().error.message));
        for (const Suspect& suspect : suspects.value_or(std::vector<Suspect>())) {
            std::size_t index = 0;
            const std::string& text = suspect.key.front();
            std::from_chars(text.data(), text.data() + text.size(), index);
            add(in, (*sequences)[index], suspect);
        }
    }
    return {};
}

}  // namespace pgpool::ctl::verify
