// SPDX-License-Identifier: PostgreSQL
#include "watchdog/voters/address_book.h"

#include <algorithm>
#include <utility>

#include "common/pg/resolve.h"

namespace pgpool::voters {

namespace {

constexpr seconds kLookUp{5};
constexpr seconds kAgain{30};
constexpr seconds kAgainAfterFailure{1};

}  // namespace

AddressBook::AddressBook(std::vector<Entry> entries, Inbox& inbox)
    : entries_(std::move(entries)), inbox_(inbox), thread_([this] { run(); }) {}

AddressBook::~AddressBook() {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    stopping_.notify_one();
}

bool AddressBook::look_up(const Entry& entry) {
    auto found = pg::resolve(entry.host, SteadyClock::now() + kLookUp, &is_stopping_);
    if (is_stopping_) return true;
    inbox::Resolved resolved{.node = entry.node, .addresses = {}, .problem = {}};
    if (found) {
        resolved.addresses = std::move(*found);
    } else {
        resolved.problem = found.error().message;
    }
    inbox_.push(std::move(resolved));
    return found.has_value();
}

void AddressBook::run() {
    while (!is_stopping_) {
        bool is_complete = true;
        for (const Entry& entry : entries_) is_complete = look_up(entry) && is_complete;
        std::unique_lock lock(mutex_);
        stopping_.wait_for(lock, is_complete ? kAgain : kAgainAfterFailure,
                           [this] { return is_stopping_.load(); });
    }
}

}  // namespace pgpool::voters
