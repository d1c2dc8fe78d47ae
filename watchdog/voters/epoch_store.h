// SPDX-License-Identifier: PostgreSQL
#pragma once

// EpochStore: writes epochs to disk in a thread of its own, since fsync(2) may take seconds where the lease
// thread has milliseconds. Only the highest that is wanted is written; Stored is told to the inbox.
// Threads: want() one; it does not wait.

#include <filesystem>
#include <thread>

#include "watchdog/voters/epoch_file.h"
#include "watchdog/voters/inbox.h"

namespace pgpool::voters {

class EpochStore {
public:
    // The inbox outlives this.
    EpochStore(std::filesystem::path path, const Remembered& present, Inbox& inbox);
    EpochStore(const EpochStore&) = delete;
    EpochStore& operator=(const EpochStore&) = delete;
    ~EpochStore();  // after what is being written

    void want(Epoch epoch) { wanted_.push(epoch); }

private:
    void run();

    std::filesystem::path path_;
    Remembered present_;
    Inbox& inbox_;
    Mailbox<Epoch> wanted_{1024};
    std::jthread thread_;
};

}  // namespace pgpool::voters
