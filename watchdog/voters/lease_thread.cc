// SPDX-License-Identifier: PostgreSQL
#include "watchdog/voters/lease_thread.h"

#include <pthread.h>
#include <signal.h>

#include <utility>

#include "watchdog/voters/address_book.h"
#include "watchdog/voters/epoch_store.h"
#include "watchdog/voters/lease_loop.h"

namespace pgpool::voters {

namespace {

// Signals are for the program's own threads.
class SignalsBlocked {
public:
    SignalsBlocked() {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;
    ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_{};
};

std::vector<AddressBook::Entry> entries_of(const Settings& settings) {
    std::vector<AddressBook::Entry> entries;
    auto node = settings.nodes.begin();
    for (std::uint16_t i = 0; i < settings.votes.size(); ++i) {
        if (settings.votes.kind(lease::VoterId(i)) != lease::VoterKind::Node) continue;
        entries.push_back({lease::VoterId(i), (node++)->host});
    }
    return entries;
}

}  // namespace

LeaseThread::LeaseThread() = default;

Result<std::unique_ptr<LeaseThread>> LeaseThread::start(const Settings& settings, MemberLink& link) {
    if (const auto broken = settings.parameters.check()) return fail(sqlstate::kConfigFileError, *broken);
    Result<page::LeasePageWriter> page = page::LeasePageWriter::open(settings.page, settings.group);
    if (!page) return tl::unexpected(page.error());
    Result<Remembered> remembered = load(settings.remember);
    if (!remembered) return tl::unexpected(remembered.error());
    ++remembered->runs;
    if (const auto error = save(settings.remember, *remembered)) return tl::unexpected(*error);

    std::unique_ptr<LeaseThread> started(new LeaseThread);
    const SignalsBlocked blocked;
    started->store_ = std::make_unique<EpochStore>(settings.remember, *remembered, started->inbox_);
    started->addresses_ = std::make_unique<AddressBook>(entries_of(settings), started->inbox_);
    started->loop_ = std::make_unique<LeaseLoop>(settings, *remembered, std::move(*page), *started->store_,
                                                 link, started->inbox_, started->reports_);
    started->thread_ = std::thread([loop = started->loop_.get()] { loop->run(); });
    return started;
}

LeaseThread::~LeaseThread() {
    inbox_.insist(inbox::Stop{});
    if (thread_.joinable()) thread_.join();
}

lease::CommandId LeaseThread::run(lease::VoterId node, Command command) {
    const lease::CommandId id(next_command_++);
    if (!inbox_.push(inbox::Run{id, node, std::move(command)})) {
        reports_.insist(
            report::CommandEnded{id, {CommandOutcome::Kind::NotRun, "too much waits to be done"}});
    }
    return id;
}

void LeaseThread::received(lease::VoterId from, std::string bytes) {
    // A flood of them must not keep out what is not repeated.
    if (inbox_.size() < kInbox / 2) inbox_.push(inbox::Received{from, std::move(bytes)});
}

}  // namespace pgpool::voters
