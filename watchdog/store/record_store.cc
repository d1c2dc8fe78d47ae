// SPDX-License-Identifier: PostgreSQL
#include "watchdog/store/record_store.h"

#include <chrono>
#include <utility>

#include "watchdog/store/record_file.h"

namespace pgpool::store {

namespace {

constexpr std::chrono::milliseconds kRetry{500};

}  // namespace

RecordStore::RecordStore(std::filesystem::path path, Told told)
    : path_(std::move(path)), told_(std::move(told)), thread_([this] { run(); }) {}

RecordStore::~RecordStore() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void RecordStore::write(group::Record record) {
    {
        const std::lock_guard lock(mutex_);
        wanted_ = std::move(record);
    }
    changed_.notify_all();
}

void RecordStore::run() {
    while (auto record = next()) write_until_done(std::move(*record));
}

std::optional<group::Record> RecordStore::next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return wanted_ || is_stopping_; });
    return std::exchange(wanted_, std::nullopt);
}

void RecordStore::write_until_done(group::Record record) {
    std::string told;
    while (const auto error = save_record(path_, record)) {
        if (error->message != told) told_({record.stamp, error->message});
        told = error->message;
        std::unique_lock lock(mutex_);
        if (changed_.wait_for(lock, kRetry, [this] { return is_stopping_; })) return;
        if (wanted_) record = *std::exchange(wanted_, std::nullopt);
    }
    told_({record.stamp, ""});
}

}  // namespace pgpool::store
