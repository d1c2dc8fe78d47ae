// SPDX-License-Identifier: PostgreSQL
#include "ctl/verify/settle.h"

#include <thread>
#include <utility>

namespace pgpool::ctl::verify {

namespace {

constexpr int kLooksAtFew = 16;
constexpr milliseconds kBetweenLooks{5};

// Both in the order of the keys, every key of `now` in `before`.
void drop_excused(const std::vector<Suspect>& before, std::vector<Suspect>& now, Excuse excuse) {
    auto at = before.begin();
    std::erase_if(now, [&](const Suspect& suspect) {
        while (at->key != suspect.key) ++at;
        return excuse(*at, suspect);
    });
}

Answer<std::vector<Suspect>> look_again(const Lister& list, const Patience& patience,
                                        const std::vector<Suspect>& suspects) {
    const auto contents = list(suspects);
    if (!contents) return tl::unexpected(contents.error());
    std::vector<Suspect> now = still_suspect(suspects, differing(*contents));
    if (patience.excuse != nullptr) drop_excused(suspects, now, patience.excuse);
    return now;
}

}  // namespace

Answer<std::vector<Suspect>> settle(const Lister& list, const Patience& patience) {
    auto contents = list({});
    if (!contents) return tl::unexpected(std::move(contents.error()));
    std::vector<Suspect> suspects = differing(*contents);
    for (std::uint32_t i = 0; i < patience.tries && !suspects.empty(); ++i) {
        std::this_thread::sleep_for(patience.pause);
        const int looks = suspects.size() <= patience.few ? kLooksAtFew : 1;
        for (int look = 0; look < looks && !suspects.empty(); ++look) {
            if (look > 0) std::this_thread::sleep_for(kBetweenLooks);
            auto looked = look_again(list, patience, suspects);
            if (!looked) return looked;
            suspects = std::move(*looked);
        }
    }
    return suspects;
}

std::vector<Contents> contents_of(const std::vector<pg::Rows>& answers, std::size_t key_columns) {
    std::vector<Contents> all;
    for (const pg::Rows& rows : answers) {
        Contents& contents = all.emplace_back();
        for (std::size_t row = 0; row < rows.size(); ++row) {
            Key key;
            for (std::size_t column = 0; column < key_columns; ++column)
                key.emplace_back(rows.text(row, column));
            contents[std::move(key)] = rows.text(row, key_columns);
        }
    }
    return all;
}

}  // namespace pgpool::ctl::verify
