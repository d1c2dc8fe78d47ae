// SPDX-License-Identifier: PostgreSQL
#pragma once

// RecordStore: writes records to disk in a thread of its own, one after the other, and tells what is there.
// One that is overtaken by a later one before its turn is not written: a confirmation counts for all before.
// A disk that refuses is tried again twice a second. Threads: write() any, it does not wait; `told` is called
// on the store's thread.

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "watchdog/group/stamp.h"

namespace pgpool::store {

struct Written {
    group::Stamp stamp;
    std::string problem;  // empty: it is on disk; else it is tried again, and told when that changes
};

class RecordStore {
public:
    using Told = std::function<void(Written)>;

    RecordStore(std::filesystem::path path, Told told);
    RecordStore(const RecordStore&) = delete;
    RecordStore& operator=(const RecordStore&) = delete;
    ~RecordStore();  // after what is being written

    void write(group::Record record);

private:
    void run();
    [[nodiscard]] std::optional<group::Record> next();
    void write_until_done(group::Record record);

    std::filesystem::path path_;
    Told told_;
    std::mutex mutex_;  // guards what follows
    std::condition_variable changed_;
    std::optional<group::Record> wanted_;
    bool is_stopping_ = false;
    std::thread thread_;  // last: it starts when all of the above is there
};

}  // namespace pgpool::store
