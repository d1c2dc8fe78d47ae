// SPDX-License-Identifier: PostgreSQL
#pragma once

// Cuts what may be long (Topology, Answer, ClientList) into pages that fit into one message each, and joins
// them. Pure.
//
// The pages of one whole are sent one after the other on one connection, which keeps their order. Pages of
// different wholes may alternate only if they are of different types.

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/bus/messages.h"

namespace pgpool::bus {

inline constexpr std::size_t kPageCountLimit = 1024;  // 60 MB

// At least one page, if there is nothing to tell an empty one. REQUIRES: at most kPageCountLimit pages come
// of it.
[[nodiscard]] std::vector<Topology> pages_of(const Topology& whole);
[[nodiscard]] std::vector<Answer> pages_of(const Answer& whole);
[[nodiscard]] std::vector<ClientList> pages_of(const ClientList& whole);

// What all pages of one whole have in common, and how the next one is joined to those before.
[[nodiscard]] inline auto identity_of(const Topology& page) {
    return std::tuple(page.epoch, page.revision, page.page.count);
}
[[nodiscard]] inline auto identity_of(const Answer& page) {
    return std::tuple(page.id, page.exit_code, page.page.count);
}
[[nodiscard]] inline auto identity_of(const ClientList& page) {
    return std::tuple(page.revision, page.page.count);
}
void join(Topology& whole, Topology&& page);
void join(Answer& whole, Answer&& page);
void join(ClientList& whole, ClientList&& page);

[[nodiscard]] tl::unexpected<Error> page_out_of_order(Page page, std::size_t expected);

// Joins pages of one type from one peer. A first page begins anew, whatever was there before; any other page
// must be the next of the same whole, else it is an error and everything up to the next first page is lost.
template <typename T>
class Assembler {
public:
    // The whole when this was its last page. Its own `page` says 0 of 1.
    Result<std::optional<T>> add(T page) {
        const Page position = page.page;
        if (position.count == 0 || position.count > kPageCountLimit) {
            return reject(position);
        }
        if (position.index == 0) {
            whole_ = std::move(page);
            next_ = 1;
        } else if (position.index != next_ || !whole_ || identity_of(*whole_) != identity_of(page)) {
            return reject(position);
        } else {
            join(*whole_, std::move(page));
            ++next_;
        }
        if (next_ < position.count) return std::optional<T>();
        std::optional<T> done = std::exchange(whole_, std::nullopt);
        done->page = Page{};
        return done;
    }

private:
    tl::unexpected<Error> reject(Page position) {
        whole_.reset();
        return page_out_of_order(position, std::exchange(next_, 0));
    }

    std::optional<T> whole_;  // the pages so far
    std::size_t next_ = 0;
};

}  // namespace pgpool::bus
