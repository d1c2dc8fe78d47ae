// SPDX-License-Identifier: PostgreSQL
#include "common/config/suggest.h"

#include <algorithm>
#include <vector>

namespace pgpool::config {

namespace {
constexpr std::size_t kMaxWordBytes = 64;  // longer words are like nothing we know
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    // Three rows of the table suffice: the current one and the two before it.
    std::vector<std::size_t> before_last(b.size() + 1);
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> current(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) current[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        before_last.swap(last);
        last.swap(current);
        current[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            current[j] = std::min({last[j] + 1, current[j - 1] + 1, replaced});
            const bool is_swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (is_swapped) current[j] = std::min(current[j], before_last[j - 2] + 1);
        }
    }
    return current[b.size()];
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
    if (word.size() > kMaxWordBytes) return {};
    std::string_view best;
    std::size_t least = std::max<std::size_t>(1, (word.size() + 1) / 3) + 1;
    for (const std::string_view candidate : candidates) {
        const std::size_t distance = edit_distance(word, candidate);
        // A distance of the whole word is no likeness.
        if (distance >= least || distance >= std::max(word.size(), candidate.size())) continue;
        least = distance;
        best = candidate;
    }
    return best;
}

}  // namespace pgpool::config
