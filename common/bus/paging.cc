// SPDX-License-Identifier: PostgreSQL
#include "common/bus/paging.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>

#include "common/bus/fields.h"

namespace pgpool::bus {

namespace {

constexpr std::size_t kPageLimit = kJsonLimit;

// An upper bound of the bytes of a record: fixed fields and lengths are less than the constants.
std::size_t size_of(const Node& node) {
    return 32 + node.name.size() + node.host.size() + std::min(node.reason.size(), kProseLimit);
}
std::size_t size_of(const Connection& /*connection*/) {
    return 48;
}

// Numbers the pages when all are there.
template <typename T>
std::vector<T> numbered(std::vector<T> pages) {
    PGPOOL_ASSERT(pages.size() <= kPageCountLimit);
    for (std::size_t i = 0; i < pages.size(); ++i) {
        pages[i].page = {.index = static_cast<std::uint16_t>(i),
                         .count = static_cast<std::uint16_t>(pages.size())};
    }
    return pages;
}

// Pages with the entries of `whole` in `list`, filled up to the limit; `empty` is a page without any.
template <typename T, typename Entry>
std::vector<T> cut(const T& empty, const std::vector<Entry>& entries, std::vector<Entry> T::*list) {
    std::vector<T> pages(1, empty);
    std::size_t size = 0;
    for (const Entry& entry : entries) {
        if (size + size_of(entry) > kPageLimit) {
            pages.push_back(empty);
            size = 0;
        }
        size += size_of(entry);
        (pages.back().*list).push_back(entry);
    }
    return numbered(std::move(pages));
}

template <typename Entry>
void append(std::vector<Entry>& to, std::vector<Entry>&& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace

std::vector<Topology> pages_of(const Topology& whole) {
    const Topology empty{.epoch = whole.epoch, .revision = whole.revision, .page = {}, .nodes = {}};
    return cut(empty, whole.nodes, &Topology::nodes);
}

std::vector<ClientList> pages_of(const ClientList& whole) {
    const ClientList empty{.revision = whole.revision, .page = {}, .connections = {}};
    return cut(empty, whole.connections, &ClientList::connections);
}

std::vector<Answer> pages_of(const Answer& whole) {
    std::vector<Answer> pages;
    std::size_t at = 0;
    do {
        pages.push_back({.id = whole.id,
                         .page = {},
                         .exit_code = whole.exit_code,
                         .json = whole.json.substr(at, kPageLimit)});
        at += kPageLimit;
    } while (at < whole.json.size());
    return numbered(std::move(pages));
}

void join(Topology& whole, Topology&& page) {
    append(whole.nodes, std::move(page.nodes));
}

void join(ClientList& whole, ClientList&& page) {
    append(whole.connections, std::move(page.connections));
}

void join(Answer& whole, Answer&& page) {
    whole.json += page.json;
}

tl::unexpected<Error> page_out_of_order(Page page, std::size_t expected) {
    return fail(sqlstate::kProtocolViolation,
                fmt::format("page {} of {} where page {} belongs", page.index, page.count, expected));
}

}  // namespace pgpool::bus
