// SPDX-License-Identifier: PostgreSQL
#pragma once

// "Did you mean": the nearest of the known names.

#include <span>
#include <string_view>

namespace pgpool::config {

// The least number of inserted, deleted, replaced or (neighbours) swapped characters that make b of a
// (optimal string alignment distance).
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

// The candidate nearest to the word, the first of equals; empty if none is near enough: about one edit in
// three characters, at least one.
[[nodiscard]] std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace pgpool::config
