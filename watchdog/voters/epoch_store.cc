// SPDX-License-Identifier: PostgreSQL
#include "watchdog/voters/epoch_store.h"

#include <poll.h>

#include <algorithm>
#include <utility>

namespace pgpool::voters {

namespace {

// No lease has it: it ends the thread.
constexpr Epoch kStop{~std::uint64_t{0}};

}  // namespace

EpochStore::EpochStore(std::filesystem::path path, const Remembered& present, Inbox& inbox)
    : path_(std::move(path)), present_(present), inbox_(inbox), thread_([this] { run(); }) {}

EpochStore::~EpochStore() {
    while (!wanted_.push(kStop)) std::this_thread::yield();
}

void EpochStore::run() {
    for (;;) {
        pollfd watched{wanted_.fd(), POLLIN, 0};
        static_cast<void>(::poll(&watched, 1, -1));
        const std::vector<Epoch> wanted = wanted_.take();
        if (wanted.empty()) continue;
        const Epoch highest = *std::max_element(wanted.begin(), wanted.end());
        if (highest == kStop) return;
        const Remembered next{.epoch = std::max(present_.epoch, highest), .runs = present_.runs};
        const std::optional<Error> error = next == present_ ? std::nullopt : save(path_, next);
        if (!error) present_ = next;
        inbox_.insist(inbox::Stored{highest, error ? error->message : ""});
    }
}

}  // namespace pgpool::voters
