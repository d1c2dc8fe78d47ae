// SPDX-License-Identifier: PostgreSQL
#pragma once

// LeaseLoop: what runs in the lease thread. It carries out the actions of lease::Lease in their order, and
// feeds it with what the sessions, the other members, the disk and the clock say.
// Threads: one; it shares the two mailboxes with others.

#include <poll.h>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/page/lease_page_writer.h"
#include "watchdog/lease/lease.h"
#include "watchdog/voters/epoch_store.h"
#include "watchdog/voters/lease_thread.h"
#include "watchdog/voters/member_messages.h"
#include "watchdog/voters/node_session.h"
#include "watchdog/voters/own_vote.h"

namespace pgpool::voters {

class LeaseLoop {
public:
    LeaseLoop(const Settings& settings, const Remembered& remembered, page::LeasePageWriter page,
              EpochStore& store, MemberLink& link, Inbox& inbox, Mailbox<Report>& reports);

    // Until Stop comes.
    void run();

private:
    // Of a node: where it is, and its session if there is one.
    struct Seat {
        pg::ConnectParams login;
        std::vector<std::string> addresses;
        std::size_t next_address = 0;
        SessionId id{};
        std::unique_ptr<NodeSession> session;
        std::string trouble;  // that was told last
    };

    void become_realtime();
    void wait();
    void read_timer();
    void read_inbox();
    void serve_sessions();
    void proceed(lease::VoterId voter, Seat& seat);

    // What other threads tell.
    void take(const lease::Event& event);
    void take(const inbox::Run& wish);
    void take(const inbox::Received& received);
    void take(const inbox::Resolved& resolved);
    void take(const inbox::Stored& stored);
    void take(const inbox::Stop&) { is_stopping_ = true; }

    // What other members say.
    void hear(lease::VoterId from, const VoteQuestion& message);
    void hear(lease::VoterId from, const VoteAnswer& message);
    void hear(lease::VoterId from, const VoteClose& message);
    void hear(lease::VoterId from, const VoteClosed& message);
    void hear(lease::VoterId from, const lease::Message& message);

    // What becomes of a session at a node.
    void happened(lease::VoterId voter, Seat& seat, const NodeSession::Opened&);
    void happened(lease::VoterId voter, Seat& seat, const NodeSession::Answered& what);
    void happened(lease::VoterId voter, Seat& seat, const NodeSession::Observed& what);
    void happened(lease::VoterId voter, Seat& seat, const NodeSession::Ran& what);
    void happened(lease::VoterId voter, Seat& seat, const NodeSession::NotRecorded& what);
    void happened(lease::VoterId voter, Seat& seat, const NodeSession::Failed& what);

    // What the lease wants done.
    void perform(const lease::action::Open& open);
    void perform(const lease::action::Ask& ask);
    void perform(const lease::action::Close& close);
    void perform(const lease::action::Send& send);
    void perform(const lease::action::Publish& publish);
    void perform(const lease::action::Became& became);
    void perform(const lease::action::SteppedDown& down);
    void perform(const lease::action::NotRun& command);
    void perform(const lease::action::InDoubt& command);
    void perform(const lease::action::WaitUntil& until);

    void feed(const lease::Event& event);
    void tell_heard(lease::VoterId voter);
    void look_for_attendance();
    void open_at_node(lease::VoterId voter, SessionId id, Seat& seat);
    void ask_own_vote(lease::VoterId from, SessionId session, const lease::Question& question);
    void give_replies();
    void end_command(lease::CommandId command, CommandOutcome outcome);
    void report(Report what) { reports_.push(std::move(what)); }
    void trouble(lease::VoterId voter, std::string& last, const std::string& text);
    [[nodiscard]] Seat* seat_of(lease::VoterId voter);

    lease::Votes votes_;
    lease::Parameters parameters_;
    lease::VoterId self_;
    lease::Lease lease_;
    OwnVote vote_;
    Epoch wanted_;  // that the store was asked for
    page::LeasePageWriter page_;
    EpochStore& store_;
    MemberLink& link_;
    Inbox& inbox_;
    Mailbox<Report>& reports_;
    UniqueFd timer_;
    std::map<lease::VoterId, Seat> seats_;
    std::map<lease::CommandId, Command> commands_;  // without an outcome
    std::deque<lease::Event> events_;               // that the lease has not seen
    bool is_stepping_ = false;
    lease::View told_;                          // as ViewChanged
    std::map<lease::VoterId, BootTime> heard_;  // when VoterHeard was told
    std::string disk_trouble_;
    bool is_stopping_ = false;
    const std::function<bool()> is_attended_;
    bool was_given_up_ = false;  // since nobody attends to it
    std::vector<pollfd> watched_;
    std::vector<std::pair<lease::VoterId, SessionId>> waiting_;  // whose descriptors those are
};

}  // namespace pgpool::voters
