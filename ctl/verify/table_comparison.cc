// SPDX-License-Identifier: PostgreSQL
#include "ctl/verify/table_comparison.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

namespace pgpool::ctl::verify {

namespace {

constexpr std::size_t kKeysOfATable = 10;  // named; then the rest of the table is not looked at
constexpr std::size_t kFewSuspects = 64;   // asked for by key rather than with the whole range
constexpr std::size_t kBucketsAtOnce = 16;

std::uint64_t number(std::string_view text) {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

bool are_equal(const std::vector<pg::Rows>& digests) {
    return std::all_of(digests.begin(), digests.end(), [&](const pg::Rows& one) {
        return one.text(0, 0) == digests.front().text(0, 0) && one.text(0, 1) == digests.front().text(0, 1);
    });
}

std::size_t node_with_most(const std::vector<pg::Rows>& digests) {
    const auto less = [](const pg::Rows& a, const pg::Rows& b) {
        return number(a.text(0, 0)) < number(b.text(0, 0));
    };
    return static_cast<std::size_t>(std::max_element(digests.begin(), digests.end(), less) - digests.begin());
}

// bucket, count, digest: the latter two as one value
std::vector<Contents> buckets_of(const std::vector<pg::Rows>& answers) {
    std::vector<Contents> all;
    for (const pg::Rows& rows : answers) {
        Contents& contents = all.emplace_back();
        for (std::size_t row = 0; row < rows.size(); ++row) {
            contents[{std::string(rows.text(row, 0))}] =
                fmt::format("{} {}", rows.text(row, 1), rows.text(row, 2));
        }
    }
    return all;
}

std::uint64_t rows_in(const pg::Rows& buckets) {
    std::uint64_t sum = 0;
    for (std::size_t row = 0; row < buckets.size(); ++row) sum += number(buckets.text(row, 1));
    return sum;
}

}  // namespace

Answer<void> TableComparison::run() {
    in_.progress.at(table_.label());
    if (table_.source.empty()) ++in_.report.tables;
    auto done = table_.key.empty() ? compare_as_multiset() : compare_by_key();
    if (has_enough()) in_.note(fmt::format("{}: only the first {} are named", table_.label(), found_));
    if (done || !done.error().is_of_change()) return done;
    in_.note(fmt::format("{}: not compared to its end: {} ({})", table_.label(), done.error().error.message,
                         done.error().node));
    return {};
}

Answer<void> TableComparison::compare_by_key() {
    std::optional<Key> lower;
    for (;;) {
        auto chunk = next_chunk(lower);
        if (!chunk) return tl::unexpected(std::move(chunk.error()));
        if (!chunk->is_equal) {
            auto looked = look_into(chunk->range);
            if (!looked || has_enough()) return looked;
        }
        if (!chunk->range.upper) return {};
        lower = std::move(chunk->range.upper);
    }
}

Answer<TableComparison::Chunk> TableComparison::next_chunk(const std::optional<Key>& lower) {
    const std::uint64_t most = std::uint64_t{2} * in_.options.chunk;
    for (std::size_t by = 0;;) {
        auto upper = boundary_on(by, lower);
        if (!upper) return tl::unexpected(std::move(upper.error()));
        const Range range{lower, std::move(*upper)};
        const auto digests = in_.fleet.ask(range_digest(table_, range));
        if (!digests) return tl::unexpected(digests.error());
        const bool is_equal = are_equal(*digests);
        // Far more rows on another node than on the one that gave the boundary: let that one give it.
        const std::size_t largest = node_with_most(*digests);
        if (!is_equal && largest != by && number((*digests)[largest].text(0, 0)) > most) {
            by = largest;
            continue;
        }
        count(number(digests->front().text(0, 0)));
        return Chunk{range, is_equal};
    }
}

Answer<std::optional<Key>> TableComparison::boundary_on(std::size_t node, const std::optional<Key>& lower) {
    const auto rows = in_.fleet.ask_one(node, boundary(table_, lower, in_.options.chunk));
    if (!rows) return tl::unexpected(rows.error());
    if (rows->empty()) return std::nullopt;
    Key key;
    for (std::size_t column = 0; column < rows->columns(); ++column) key.emplace_back(rows->text(0, column));
    return key;
}

Answer<void> TableComparison::look_into(const Range& range) {
    const auto list = [&](const std::vector<Suspect>& suspects) -> Answer<std::vector<Contents>> {
        const bool is_few = !suspects.empty() && suspects.size() <= kFewSuspects;
        const auto rows = in_.fleet.ask(is_few ? rows_of_keys(table_, suspects) : range_rows(table_, range));
        if (!rows) return tl::unexpected(rows.error());
        return contents_of(*rows, table_.key.size());
    };
    auto suspects = settle(list, {in_.options.tries, nullptr, kFewSuspects});
    if (!suspects) return tl::unexpected(std::move(suspects.error()));
    for (const Suspect& suspect : *suspects) {
        if (has_enough()) break;
        add(suspect, to_string(suspect.key, table_.key_names()));
    }
    return {};
}

Answer<void> TableComparison::compare_as_multiset() {
    const auto buckets = first_look();
    if (!buckets) return tl::unexpected(buckets.error());
    if (buckets->are_equal) return {};
    const auto list = [&](const std::vector<Suspect>& /*suspects*/) -> Answer<std::vector<Contents>> {
        const auto digests = in_.fleet.ask(bucket_digests(table_, buckets->count));
        if (!digests) return tl::unexpected(digests.error());
        return buckets_of(*digests);
    };
    // Where rows are added all the time this ends with buckets that are equal in truth: look into them shows
    // it.
    const auto suspects = settle(list, {in_.options.tries / 2});
    if (!suspects) return tl::unexpected(suspects.error());
    for (std::size_t at = 0; at < suspects->size(); at += kBucketsAtOnce) {
        const auto first = suspects->begin() + static_cast<std::ptrdiff_t>(at);
        const auto count = static_cast<std::ptrdiff_t>(std::min(kBucketsAtOnce, suspects->size() - at));
        auto looked = look_into(buckets->count, std::vector<Suspect>(first, first + count));
        if (!looked || has_enough()) return looked;
    }
    return {};
}

// So many that a bucket has about the rows of a chunk on the node that has most.
Answer<TableComparison::Buckets> TableComparison::first_look() {
    const std::uint32_t guess = buckets_for(table_.estimated_rows, in_.options.chunk);
    const auto digests = in_.fleet.ask(bucket_digests(table_, guess));
    if (!digests) return tl::unexpected(digests.error());
    count(rows_in(digests->front()));
    std::uint64_t most = 0;
    for (const pg::Rows& one : *digests) most = std::max(most, rows_in(one));
    return Buckets{std::max(guess, buckets_for(most, in_.options.chunk)),
                   differing(buckets_of(*digests)).empty()};
}

Answer<void> TableComparison::look_into(std::uint32_t buckets, const std::vector<Suspect>& wanted) {
    const auto list = [&](const std::vector<Suspect>& /*suspects*/) -> Answer<std::vector<Contents>> {
        const auto rows = in_.fleet.ask(bucket_rows(table_, buckets, wanted));
        if (!rows) return tl::unexpected(rows.error());
        return contents_of(*rows, 1);
    };
    auto suspects = settle(list, {in_.options.tries});
    if (!suspects) return tl::unexpected(std::move(suspects.error()));
    for (const Suspect& suspect : *suspects) {
        if (has_enough()) break;
        const auto text = text_of_row(suspect);
        if (!text) return tl::unexpected(text.error());
        add(suspect, *text);
    }
    return {};
}

Answer<std::string> TableComparison::text_of_row(const Suspect& suspect) {
    const auto has_it = [](const auto& value) { return value.has_value(); };
    const auto node =
        std::find_if(suspect.values.begin(), suspect.values.end(), has_it) - suspect.values.begin();
    const auto rows =
        in_.fleet.ask_one(static_cast<std::size_t>(node), row_of_hash(table_, suspect.key.front()));
    if (!rows) return tl::unexpected(rows.error());
    return rows->empty() ? "(gone)" : std::string(rows->text(0, 0));
}

void TableComparison::count(std::uint64_t rows) {
    if (table_.source.empty()) in_.report.rows += rows;
    in_.progress.add(rows);
}

void TableComparison::add(const Suspect& suspect, const std::string& key) {
    ++found_;
    for (std::size_t i = 1; i < suspect.values.size(); ++i) {
        std::string what = verdict(suspect.values[0], suspect.values[i]);
        if (what.empty()) continue;
        if (table_.key.empty() && suspect.values[0] && suspect.values[i])
            what = fmt::format("{} such rows instead of {}", *suspect.values[i], *suspect.values[0]);
        const std::string& node = in_.fleet.names()[i];
        if (table_.source.empty()) {
            in_.report.differences.push_back(
                {in_.database, "row", table_.label(), key, node, std::move(what)});
        } else {
            in_.report.differences.push_back(
                {in_.database, "large object", suspect.key.front(), "", node, what});
        }
    }
}

bool TableComparison::has_enough() const {
    return found_ >= kKeysOfATable;
}

}  // namespace pgpool::ctl::verify
