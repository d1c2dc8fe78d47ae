// SPDX-License-Identifier: PostgreSQL
#include "watchdog/voters/lease_loop.h"

#include <pthread.h>
#include <sched.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "common/page/boot_now.h"
#include "common/pg/own_session.h"
#include "watchdog/voters/node_sql.h"

namespace pgpool::voters {

namespace {

// Low among those of real time: below the kernel's own threads, above everything that is none.
constexpr int kPriority = 10;

constexpr int kLookAgain = 100;  // milliseconds; whether somebody attends to it again

// Before them the timer and the inbox are waited for.
constexpr std::size_t kSessionsBegin = 2;

lease::Lease::Start start_of(const Settings& settings, const Remembered& remembered) {
    // Each run has sessions of its own, so that nobody takes an answer to the one before for its own.
    return {.self = MemberId(settings.self.value),
            .known = remembered.epoch,
            .first_session = SessionId(remembered.runs << 32),
            .seed = settings.seed};
}

page::LeaseState page_state(const lease::View& view) {
    if (view.state == lease::State::Releasing) return page::LeaseState::Releasing;
    if (view.locked_until != lease::kNever) return page::LeaseState::Waiting;
    return view.deadline == lease::kNever ? page::LeaseState::None : page::LeaseState::Held;
}

}  // namespace

LeaseLoop::LeaseLoop(const Settings& settings, const Remembered& remembered, page::LeasePageWriter page,
                     EpochStore& store, MemberLink& link, Inbox& inbox, Mailbox<Report>& reports)
    : votes_(settings.votes),
      parameters_(settings.parameters),
      self_(settings.self),
      lease_(settings.votes, settings.parameters, start_of(settings, remembered)),
      vote_(settings.parameters, page::boot_now(), remembered.epoch),
      wanted_(remembered.epoch),
      page_(std::move(page)),
      store_(store),
      link_(link),
      inbox_(inbox),
      reports_(reports),
      timer_(::timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC)),
      is_attended_(settings.is_attended) {
    if (!timer_.valid()) throw std::system_error(errno, std::generic_category(), "timerfd_create");
    auto login = settings.nodes.begin();
    for (std::uint16_t i = 0; i < votes_.size(); ++i) {
        if (votes_.kind(lease::VoterId(i)) != lease::VoterKind::Node) continue;
        PGPOOL_ASSERT(login != settings.nodes.end());
        Seat& seat = seats_[lease::VoterId(i)];
        seat.login = *login++;
        seat.login.database = node_sql::kDatabase;
        seat.login.application_name = pg::name_of(pg::OwnSession::Lease);
        seat.login.settings = pg::SessionSettings::Fixed;
    }
}

void LeaseLoop::run() {
    become_realtime();
    feed(lease::event::Tick{});
    while (!is_stopping_) {
        wait();
        look_for_attendance();
        read_timer();
        serve_sessions();
        read_inbox();
    }
    feed(lease::event::Withdraw{});
}

void LeaseLoop::look_for_attendance() {
    const bool is_attended = !is_attended_ || is_attended_();
    if (is_attended && was_given_up_) {
        was_given_up_ = false;
        feed(lease::event::Campaign{});
    }
    if (is_attended || was_given_up_ || lease_.view().state == lease::State::Follower) return;
    was_given_up_ = true;
    report(report::Trouble{std::nullopt, "the main thread stood still, the lease was given up"});
    feed(lease::event::Withdraw{});
}

void LeaseLoop::become_realtime() {
    sched_param parameters{};
    parameters.sched_priority = kPriority;
    const int error =
        ::pthread_setschedparam(::pthread_self(), SCHED_FIFO | SCHED_RESET_ON_FORK, &parameters);
    if (error == 0) return;
    report(report::Trouble{std::nullopt,
                           std::string("the lease thread has no real-time priority, a busy machine "
                                       "may cost the lease: sched_setscheduler: ") +
                               std::strerror(error)});
}

void LeaseLoop::wait() {
    watched_.clear();
    watched_.push_back({timer_.get(), POLLIN, 0});
    watched_.push_back({inbox_.fd(), POLLIN, 0});
    waiting_.clear();
    for (const auto& [voter, seat] : seats_) {
        if (!seat.session) continue;
        watched_.push_back({seat.session->fd(), seat.session->events(), 0});
        waiting_.emplace_back(voter, seat.id);
    }
    const int timeout = was_given_up_ ? kLookAgain : -1;
    while (::poll(watched_.data(), watched_.size(), timeout) < 0) PGPOOL_ASSERT(errno == EINTR);
}

void LeaseLoop::read_timer() {
    std::uint64_t count = 0;
    if (::read(timer_.get(), &count, sizeof count) == sizeof count) feed(lease::event::Tick{});
}

void LeaseLoop::read_inbox() {
    for (const auto& message : inbox_.take()) {
        std::visit([this](const auto& what) { take(what); }, message);
    }
}

// Who withdraws does not want it back when the main thread attends to it again.
void LeaseLoop::take(const lease::Event& event) {
    if (std::holds_alternative<lease::event::Withdraw>(event)) was_given_up_ = false;
    feed(event);
}

// A session that came into the place of one that was waited for has not been waited for itself.
void LeaseLoop::serve_sessions() {
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
        if (watched_[kSessionsBegin + i].revents == 0) continue;
        const auto& [voter, id] = waiting_[i];
        Seat& seat = seats_.at(voter);
        if (seat.session && seat.id == id) proceed(voter, seat);
    }
}

void LeaseLoop::proceed(lease::VoterId voter, Seat& seat) {
    const SessionId id = seat.id;
    for (const NodeSession::Happening& happening : seat.session->proceed()) {
        // What an earlier one made the lease do may have been to close it.
        if (!seat.session || seat.id != id) return;
        std::visit([&](const auto& what) { happened(voter, seat, what); }, happening);
    }
}

void LeaseLoop::tell_heard(lease::VoterId voter) {
    const BootTime time = page::boot_now();
    const auto [told, is_first] = heard_.try_emplace(voter, time);
    if (!is_first && time - told->second < kHeardAgain) return;
    told->second = time;
    if (reports_.size() < LeaseThread::kObservations) report(report::VoterHeard{voter});
}

// Actions of one step are carried out before the next event is seen, whatever they bring about.
void LeaseLoop::feed(const lease::Event& event) {
    if (const auto* answered = std::get_if<lease::event::Answered>(&event)) tell_heard(answered->voter);
    events_.push_back(event);
    if (is_stepping_) return;
    is_stepping_ = true;
    while (!events_.empty()) {
        const lease::Event next = events_.front();
        events_.pop_front();
        for (const lease::Action& action : lease_.step(next, page::boot_now())) {
            std::visit([this](const auto& what) { perform(what); }, action);
        }
    }
    is_stepping_ = false;
}

LeaseLoop::Seat* LeaseLoop::seat_of(lease::VoterId voter) {
    const auto found = seats_.find(voter);
    return found == seats_.end() ? nullptr : &found->second;
}

void LeaseLoop::trouble(lease::VoterId voter, std::string& last, const std::string& text) {
    if (last == text) return;
    last = text;
    report(report::Trouble{voter, text});
}

void LeaseLoop::take(const inbox::Run& wish) {
    commands_[wish.id] = wish.command;
    feed(lease::event::Command{wish.id, wish.node});
}

void LeaseLoop::take(const inbox::Received& received) {
    const auto message = decode(received.bytes);
    if (!message || seat_of(received.from) != nullptr) return;
    std::visit([&](const auto& what) { hear(received.from, what); }, *message);
}

void LeaseLoop::take(const inbox::Resolved& resolved) {
    Seat* seat = seat_of(resolved.node);
    if (seat == nullptr) return;
    if (!resolved.problem.empty()) return trouble(resolved.node, seat->trouble, resolved.problem);
    seat->addresses = resolved.addresses;
}

void LeaseLoop::take(const inbox::Stored& stored) {
    if (!stored.problem.empty()) {
        trouble(self_, disk_trouble_, stored.problem);
        wanted_ = Epoch{};  // the next question asks for it again
        return;
    }
    disk_trouble_.clear();
    vote_.stored(stored.epoch);
    give_replies();
}

void LeaseLoop::hear(lease::VoterId from, const VoteQuestion& message) {
    ask_own_vote(from, message.session, message.question);
}

void LeaseLoop::hear(lease::VoterId from, const VoteAnswer& message) {
    feed(lease::event::Answered{from, message.session, message.answer});
}

void LeaseLoop::hear(lease::VoterId from, const VoteClose& message) {
    vote_.close(from, message.session);
}

void LeaseLoop::hear(lease::VoterId from, const VoteClosed& message) {
    feed(lease::event::Lost{from, message.session});
}

void LeaseLoop::hear(lease::VoterId from, const lease::Message& message) {
    if (message.from.value == from.value) feed(lease::event::Received{message});
}

void LeaseLoop::ask_own_vote(lease::VoterId from, SessionId session, const lease::Question& question) {
    vote_.ask(from, session, question, page::boot_now());
    if (vote_.epoch() > wanted_) {
        wanted_ = vote_.epoch();
        store_.want(wanted_);
    }
    give_replies();
}

void LeaseLoop::give_replies() {
    for (const OwnVote::Reply& reply : vote_.take_replies()) {
        if (reply.member != self_) {
            link_.send(reply.member, reply.is_closed ? encode(VoteClosed{reply.session})
                                                     : encode(VoteAnswer{reply.session, reply.answer}));
        } else if (reply.is_closed) {
            feed(lease::event::Lost{self_, reply.session});
        } else {
            feed(lease::event::Answered{self_, reply.session, reply.answer});
        }
    }
}

void LeaseLoop::happened(lease::VoterId voter, Seat& seat, const NodeSession::Opened&) {
    seat.trouble.clear();
    report(report::SessionOpened{voter});
    feed(lease::event::Opened{voter, seat.id});
}

void LeaseLoop::happened(lease::VoterId voter, Seat& seat, const NodeSession::Answered& what) {
    feed(lease::event::Answered{voter, seat.id, what.answer});
}

void LeaseLoop::happened(lease::VoterId voter, Seat&, const NodeSession::Observed& what) {
    if (reports_.size() < LeaseThread::kObservations) report(report::NodeSeen{voter, what.observation});
}

void LeaseLoop::happened(lease::VoterId, Seat&, const NodeSession::Ran& what) {
    end_command(what.command, what.outcome);
}

void LeaseLoop::happened(lease::VoterId voter, Seat& seat, const NodeSession::NotRecorded& what) {
    trouble(voter, seat.trouble, "the epoch cannot be recorded: " + what.reason);
}

void LeaseLoop::happened(lease::VoterId voter, Seat& seat, const NodeSession::Failed& what) {
    trouble(voter, seat.trouble, what.reason);
    ++seat.next_address;
    seat.session.reset();
    feed(lease::event::Lost{voter, seat.id});
}

void LeaseLoop::perform(const lease::action::Open& open) {
    Seat* seat = seat_of(open.voter);
    // A member has no connection that could be refused: it answers the first question or it does not.
    if (seat == nullptr) return feed(lease::event::Opened{open.voter, open.session});
    open_at_node(open.voter, open.session, *seat);
}

void LeaseLoop::open_at_node(lease::VoterId voter, SessionId id, Seat& seat) {
    seat.id = id;
    if (seat.addresses.empty()) return feed(lease::event::Lost{voter, id});
    const std::string& address = seat.addresses[seat.next_address % seat.addresses.size()];
    seat.session = std::make_unique<NodeSession>(seat.login, address, parameters_);
    if (seat.session->fd() < 0) proceed(voter, seat);
}

void LeaseLoop::perform(const lease::action::Ask& ask) {
    if (ask.voter == self_) return ask_own_vote(self_, ask.session, ask.question);
    Seat* seat = seat_of(ask.voter);
    if (seat == nullptr) return link_.send(ask.voter, encode(VoteQuestion{ask.session, ask.question}));
    if (!seat->session || seat->id != ask.session) return;
    const auto command = commands_.find(ask.question.command);
    seat->session->ask(ask.question, command == commands_.end() ? Command{} : command->second);
}

void LeaseLoop::perform(const lease::action::Close& close) {
    if (close.voter == self_) return vote_.close(self_, close.session);
    Seat* seat = seat_of(close.voter);
    if (seat == nullptr) return link_.send(close.voter, encode(VoteClose{close.session}));
    if (!seat->session || seat->id != close.session) return;
    if (!seat->session->is_connected()) ++seat->next_address;
    seat->session.reset();
}

void LeaseLoop::perform(const lease::action::Send& send) {
    link_.send(lease::VoterId(send.message.to.value), encode(send.message));
}

void LeaseLoop::perform(const lease::action::Publish& publish) {
    const lease::View& view = publish.view;
    const page::LeaseState state = page_state(view);
    page_.publish({.state = state,
                   .epoch = state == page::LeaseState::Waiting ? view.next : view.epoch,
                   .deadline = view.deadline,
                   .locked_until = view.locked_until,
                   .writer = {}});
    if (view.state == told_.state && view.epoch == told_.epoch && view.next == told_.next) return;
    told_ = view;
    report(report::ViewChanged{view});
}

void LeaseLoop::perform(const lease::action::Became& became) {
    report(report::Became{became.epoch, page::boot_now()});
}

void LeaseLoop::perform(const lease::action::SteppedDown& down) {
    report(report::SteppedDown{down.epoch, std::string(down.reason)});
}

void LeaseLoop::perform(const lease::action::NotRun& command) {
    end_command(command.command, {CommandOutcome::Kind::NotRun, std::string(command.reason)});
}

void LeaseLoop::perform(const lease::action::InDoubt& command) {
    end_command(command.command, {CommandOutcome::Kind::InDoubt, "the session ended before the answer"});
}

// Its answer may be there before the session ends and the lease takes it for doubtful.
void LeaseLoop::end_command(lease::CommandId command, CommandOutcome outcome) {
    if (commands_.erase(command) == 0) return;
    reports_.insist(report::CommandEnded{command, std::move(outcome)});
}

void LeaseLoop::perform(const lease::action::WaitUntil& until) {
    itimerspec when{};
    if (until.time != BootTime::max()) {
        const auto time = std::max(until.time.time_since_epoch(), BootDuration(1));
        when.it_value.tv_sec = std::chrono::duration_cast<seconds>(time).count();
        when.it_value.tv_nsec = (time % seconds(1)).count();
    }
    ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

}  // namespace pgpool::voters
