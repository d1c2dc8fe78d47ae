// SPDX-License-Identifier: PostgreSQL
#pragma once

// AddressBook: looks the names of the nodes up in a thread of its own, again and again, and tells the inbox
// what it found: a name server that does not answer costs the lease thread nothing, it goes on with the
// addresses of before.

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "watchdog/voters/inbox.h"

namespace pgpool::voters {

class AddressBook {
public:
    struct Entry {
        lease::VoterId node;
        std::string host;
    };

    // The inbox outlives this.
    AddressBook(std::vector<Entry> entries, Inbox& inbox);
    AddressBook(const AddressBook&) = delete;
    AddressBook& operator=(const AddressBook&) = delete;
    ~AddressBook();

private:
    void run();
    [[nodiscard]] bool look_up(const Entry& entry);

    std::vector<Entry> entries_;
    Inbox& inbox_;
    std::mutex mutex_;
    std::condition_variable stopping_;
    std::atomic<bool> is_stopping_{false};
    std::jthread thread_;
};

}  // namespace pgpool::voters
