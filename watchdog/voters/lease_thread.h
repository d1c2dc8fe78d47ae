// SPDX-License-Identifier: PostgreSQL
#pragma once

// LeaseThread: runs the lease of this member for real: lease::Lease, the sessions at the nodes, this member's
// own vote, and the page that everybody on this machine goes by. With self = the witness it does nothing but
// vote.
//
// A thread of its own, of real-time priority where that is permitted, does all of it and nothing else: it
// waits in poll(2) only, takes no lock, writes no file and no log, and looks up no name. Two others help it:
// one writes epochs to disk, one looks names up.
// What it tells is taken as values (take_reports) by whoever polls reports_fd(). Who does not take them loses
// some: observations when kObservations reports wait, others when kReports do; never the end of a command.
//
// Threads: the functions here any, but take_reports() one at a time. MemberLink::send() is called from the
// lease thread.

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/error.h"
#include "common/pg/client.h"
#include "watchdog/lease/parameters.h"
#include "watchdog/lease/votes.h"
#include "watchdog/voters/inbox.h"
#include "watchdog/voters/report.h"

namespace pgpool::voters {

// Brings bytes to another member or the witness; they may be lost, but must not be changed, and come in
// order.
class MemberLink {
public:
    MemberLink() = default;
    MemberLink(const MemberLink&) = delete;
    MemberLink& operator=(const MemberLink&) = delete;
    virtual ~MemberLink() = default;
    // Never waits, never throws. What comes back is handed to LeaseThread::received().
    virtual void send(lease::VoterId to, std::string bytes) noexcept = 0;
};

struct Settings {
    lease::Votes votes;
    lease::Parameters parameters;
    lease::VoterId self;
    // Those of the votes, in their order: where, and as whom. Database and name are the lease's own.
    std::vector<pg::ConnectParams> nodes;
    std::filesystem::path page;      // in the runtime folder
    std::optional<gid_t> group;      // that may read the page
    std::filesystem::path remember;  // on a disk
    std::uint32_t seed = 1;          // of the random times between attempts; not the same for two members
    // Whether whoever decides under the lease is at work. While not, it is given up, or the members would
    // wait for one that does nothing. Called on the lease thread; none: always.
    std::function<bool()> is_attended = {};
};

class EpochStore;
class AddressBook;
class LeaseLoop;

class LeaseThread {
public:
    static constexpr std::size_t kReports = 4096;
    static constexpr std::size_t kObservations = 1024;
    static constexpr std::size_t kInbox = 4096;

    // An Error: the parameters contradict each other, the page is another's, or what this member has promised
    // cannot be read or written. The link outlives the thread.
    [[nodiscard]] static Result<std::unique_ptr<LeaseThread>> start(const Settings& settings,
                                                                    MemberLink& link);
    LeaseThread(const LeaseThread&) = delete;
    LeaseThread& operator=(const LeaseThread&) = delete;
    // Steps down and gives its locks back.
    ~LeaseThread();

    void campaign(Epoch known) { tell(lease::event::Campaign{known}); }
    void withdraw() { tell(lease::event::Withdraw{}); }
    void hand_over(MemberId to) { tell(lease::event::HandOver{to}); }
    void gates_closed(Epoch epoch) { tell(lease::event::GatesClosed{epoch}); }
    void fenced(Epoch epoch) { tell(lease::event::Fenced{epoch}); }
    // Its outcome is reported, whatever it is.
    lease::CommandId run(lease::VoterId node, Command command);
    void received(lease::VoterId from, std::string bytes);

    [[nodiscard]] int reports_fd() const { return reports_.fd(); }
    [[nodiscard]] std::vector<Report> take_reports() { return reports_.take(); }

private:
    LeaseThread();
    void tell(const lease::Event& event) { inbox_.insist(event); }

    std::atomic<std::uint64_t> next_command_{1};
    Inbox inbox_{kInbox};
    Mailbox<Report> reports_{kReports};
    std::unique_ptr<EpochStore> store_;
    std::unique_ptr<AddressBook> addresses_;
    std::unique_ptr<LeaseLoop> loop_;
    std::thread thread_;
};

}  // namespace pgpool::voters
