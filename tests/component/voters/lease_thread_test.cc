// SPDX-License-Identifier: PostgreSQL
// The lease for real: two members, PostgreSQL servers as voters, processes that are killed and stopped.
//
// Voters: the two members with a vote each, the first node with two if the nodes are two (5 votes, 3 are a
// quorum), else each with one.
#include "watchdog/voters/lease_thread.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "common/net/pipe.h"
#include "common/page/boot_now.h"
#include "tests/component/health/postgres_server.h"
#include "tests/component/voters/lease_rig.h"
#include "watchdog/voters/epoch_file.h"

extern char** environ;

namespace pgpool::voters {
namespace {

using lease::VoterId;
using report::Became;
using report::NodeSeen;
using report::SessionOpened;
using report::SteppedDown;
using report::Trouble;
using report::ViewChanged;

constexpr VoterId kFirstNode(kMembers);
constexpr VoterId kSecondNode(kMembers + 1);

// A member as a process of its own; killed with the object.
class MemberProcess {
public:
    MemberProcess(const std::filesystem::path& folder, std::uint16_t member,
                  const std::vector<std::uint16_t>& ports) {
        net::Pipe pipe;
        input_ = std::move(pipe.write);
        std::vector<std::string> words{LEASE_MEMBER, folder.string(), std::to_string(member)};
        for (const std::uint16_t port : ports) words.push_back(std::to_string(port));
        std::vector<char*> arguments;
        for (std::string& word : words) arguments.push_back(word.data());
        arguments.push_back(nullptr);
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, pipe.read.get(), STDIN_FILENO);
        const int error = ::posix_spawn(&pid_, LEASE_MEMBER, &actions, nullptr, arguments.data(), environ);
        ::posix_spawn_file_actions_destroy(&actions);
        if (error != 0) throw std::runtime_error("the member does not start");
    }
    MemberProcess(const MemberProcess&) = delete;
    MemberProcess& operator=(const MemberProcess&) = delete;
    ~MemberProcess() { kill(); }

    void signal(int number) const { ::kill(pid_, number); }
    void kill() {
        if (pid_ <= 0) return;
        signal(SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }

private:
    pid_t pid_ = -1;
    UniqueFd input_;
};

class LeaseThreadTest : public testing::Test {
protected:
    static void SetUpTestSuite() {
        alpha_ = test::PostgresServer::primary("alpha");
        beta_ = alpha_->standby("beta");
    }
    static void TearDownTestSuite() {
        beta_.reset();
        alpha_.reset();
    }
    void TearDown() override {
        for (const auto* server : {alpha_.get(), beta_.get()}) server->signal_all(SIGCONT);
    }

    [[nodiscard]] static std::vector<std::uint16_t> ports() { return {alpha_->port(), beta_->port()}; }
    [[nodiscard]] std::unique_ptr<Member> member(std::uint16_t number) {
        return std::make_unique<Member>(settings_of(folder_.path(), number, ports()), meeting_);
    }
    [[nodiscard]] static Epoch become_holder(Member& member) {
        member.thread().campaign({});
        return member.wait_for<Became>().epoch;
    }
    // Until the sessions at both nodes have the lock and are renewed.
    static void wait_for_both(Member& member) {
        for (const VoterId node : {kFirstNode, kSecondNode}) {
            member.wait_for<NodeSeen>([node](const auto& seen) { return seen.node == node; });
        }
    }
    [[nodiscard]] bool remembers(std::uint16_t number, Epoch epoch) const {
        const TimePoint end = SteadyClock::now() + seconds(25);
        while (load(settings_of(folder_.path(), number, {}).remember).value().epoch != epoch) {
            if (SteadyClock::now() > end) return false;
            std::this_thread::sleep_for(milliseconds(5));
        }
        return true;
    }
    // The page of a member that is a process of its own, as soon as it has the lease.
    [[nodiscard]] page::LeasePageReader page_of_holder(std::uint16_t number) const {
        page::LeasePageReader page(settings_of(folder_.path(), number, {}).page);
        const TimePoint end = SteadyClock::now() + seconds(25);
        while (page.refresh() || !page.read().may_act(page::boot_now())) {
            if (SteadyClock::now() > end) throw std::runtime_error("the process does not get the lease");
            std::this_thread::sleep_for(milliseconds(5));
        }
        return page;
    }

    static std::unique_ptr<test::PostgresServer> alpha_;
    static std::unique_ptr<test::PostgresServer> beta_;
    TemporaryFolder folder_;
    Meeting meeting_;
};
std::unique_ptr<test::PostgresServer> LeaseThreadTest::alpha_;
std::unique_ptr<test::PostgresServer> LeaseThreadTest::beta_;

TEST_F(LeaseThreadTest, one_member_and_two_nodes_make_a_holder) {
    const auto holder = member(0);
    EXPECT_FALSE(holder->page().read().may_act(page::boot_now()));
    const BootTime begin = page::boot_now();
    const Epoch epoch = become_holder(*holder);
    EXPECT_GE(page::boot_now() - begin, test_parameters().lease) << "another could have had it";
    const page::LeaseView view = holder->page().read();
    EXPECT_EQ(view.state, page::LeaseState::Held);
    EXPECT_EQ(view.epoch, epoch);
    EXPECT_TRUE(view.may_act(page::boot_now()));
    EXPECT_FALSE(view.may_act(page::boot_now() + test_parameters().lease));
    // It goes on, and so does the probing of both nodes, of which one is a standby.
    const auto primary = holder->wait_for<NodeSeen>([](const auto& seen) { return seen.node == kFirstNode; });
    const auto standby =
        holder->wait_for<NodeSeen>([](const auto& seen) { return seen.node == kSecondNode; });
    EXPECT_FALSE(primary.observation.in_recovery);
    EXPECT_TRUE(standby.observation.in_recovery);
    EXPECT_GT(standby.observation.replayed, Lsn(0));
    EXPECT_EQ(standby.observation.timeline, primary.observation.timeline);
    EXPECT_TRUE(remembers(0, epoch)) << "when its disk has it; a majority may be there before";
    EXPECT_EQ(recorded_at(alpha_->port()), epoch.value);
    EXPECT_EQ(recorded_at(beta_->port()), epoch.value) << "a standby records it, too";
    holder->thread().withdraw();
    holder->wait_for<SteppedDown>();
    EXPECT_FALSE(holder->page().read().may_act(BootTime::min()));
}

// Else nothing could be decided under the lease: what was is above it.
TEST_F(LeaseThreadTest, lease_is_above_what_was_decided_before_though_no_voter_remembers) {
    const auto alone = member(0);
    alone->thread().campaign(Epoch(1000));
    EXPECT_GT(alone->wait_for<Became>().epoch, Epoch(1000));
}

TEST_F(LeaseThreadTest, lease_is_given_up_while_nobody_attends_to_it) {
    std::atomic<bool> is_attended{true};
    Settings settings = settings_of(folder_.path(), 0, ports());
    settings.is_attended = [&] { return is_attended.load(); };
    Member alone(settings, meeting_);
    const Epoch first = become_holder(alone);
    is_attended = false;
    alone.wait_for<SteppedDown>();
    std::this_thread::sleep_for(2 * test_parameters().attempt);
    EXPECT_FALSE(alone.page().read().may_act(page::boot_now()));
    is_attended = true;
    EXPECT_GT(alone.wait_for<Became>([&](const auto& became) { return became.epoch > first; }).epoch, first);
}

TEST_F(LeaseThreadTest, who_withdraws_meanwhile_does_not_want_it_back) {
    std::atomic<bool> is_attended{true};
    Settings settings = settings_of(folder_.path(), 0, ports());
    settings.is_attended = [&] { return is_attended.load(); };
    Member alone(settings, meeting_);
    static_cast<void>(become_holder(alone));
    is_attended = false;
    alone.wait_for<SteppedDown>();
    const auto before = alone.count<Became>();
    alone.thread().withdraw();
    is_attended = true;
    std::this_thread::sleep_for(4 * test_parameters().attempt);
    EXPECT_EQ(alone.count<Became>(), before);
}

TEST_F(LeaseThreadTest, second_member_is_refused_and_gets_it_by_a_hand_over) {
    const auto first = member(0);
    const auto second = member(1);
    const Epoch epoch = become_holder(*first);
    second->thread().campaign({});
    for (int node = 0; node < 2; ++node) second->wait_for<SessionOpened>();
    std::this_thread::sleep_for(2 * test_parameters().attempt);
    EXPECT_EQ(second->count<Became>(), 0U);
    EXPECT_TRUE(first->page().read().may_act(page::boot_now()));

    first->thread().hand_over(MemberId(1));
    const auto released = first->wait_for<ViewChanged>(
        [](const auto& what) { return what.view.state == lease::State::Releasing; });
    EXPECT_EQ(first->page().read().state, page::LeaseState::Releasing);
    EXPECT_FALSE(first->page().read().may_act(page::boot_now()));
    const BootTime closed = page::boot_now();
    first->thread().gates_closed(released.view.epoch);
    const Became became = second->wait_for<Became>();
    EXPECT_GT(became.epoch, epoch);
    EXPECT_LT(became.time - closed, test_parameters().lease) << "it need not wait";
    EXPECT_EQ(first->count<Became>(), 1U);
}

TEST_F(LeaseThreadTest, successor_of_a_killed_holder_waits_for_its_deadline) {
    MemberProcess holder(folder_.path(), 0, ports());
    const page::LeasePageReader page = page_of_holder(0);
    const auto successor = member(1);
    successor->thread().campaign({});
    successor->wait_for<SessionOpened>();
    holder.kill();
    const page::LeaseView left = page.read();
    EXPECT_TRUE(left.may_act(page::boot_now())) << "the page outlives its writer until the deadline";
    const Became became = successor->wait_for<Became>();
    EXPECT_GE(became.time, left.deadline);
    EXPECT_GT(became.epoch, left.epoch);
    EXPECT_FALSE(page.read().may_act(became.time));
}

TEST_F(LeaseThreadTest, stopped_holder_is_past_its_deadline_before_another_acts) {
    const MemberProcess holder(folder_.path(), 0, ports());
    const page::LeasePageReader page = page_of_holder(0);
    const auto successor = member(1);
    successor->thread().campaign({});
    successor->wait_for<SessionOpened>();
    holder.signal(SIGSTOP);
    const Became became = successor->wait_for<Became>();
    const page::LeaseView left = page.read();
    EXPECT_GE(became.time, left.deadline);
    EXPECT_GT(became.epoch, left.epoch);
    holder.signal(SIGCONT);
    const TimePoint end = SteadyClock::now() + seconds(25);
    while (page.read().state != page::LeaseState::None && SteadyClock::now() < end) {
        ASSERT_FALSE(page.read().may_act(page::boot_now()));
        std::this_thread::sleep_for(milliseconds(1));
    }
    EXPECT_EQ(page.read().state, page::LeaseState::None) << "it wakes up and knows that it is over";
    EXPECT_EQ(successor->count<SteppedDown>(), 0U);
}

TEST_F(LeaseThreadTest, session_that_is_ended_is_made_anew_without_stepping_down) {
    const auto holder = member(0);
    static_cast<void>(become_holder(*holder));
    wait_for_both(*holder);
    for (const auto& [node, port] : {std::pair{kFirstNode, alpha_->port()}, {kSecondNode, beta_->port()}}) {
        static_cast<void>(query(port,
                                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE "
                                "application_name = 'pgpool-lease'"));
        const BootTime ended = page::boot_now();
        holder->wait_for<SessionOpened>([node = node](const auto& what) { return what.node == node; });
        // Renewals come after the lock only.
        holder->wait_for<NodeSeen>([node = node](const auto& what) { return what.node == node; });
        EXPECT_LT(page::boot_now() - ended, test_parameters().session_timeout);
    }
    EXPECT_EQ(holder->count<SteppedDown>(), 0U);
    EXPECT_TRUE(holder->page().read().may_act(page::boot_now()));
}

TEST_F(LeaseThreadTest, frozen_node_is_done_without_and_taken_up_again) {
    const auto holder = member(0);
    static_cast<void>(become_holder(*holder));
    wait_for_both(*holder);
    beta_->signal_all(SIGSTOP);
    // Its own vote and the two of the first node are a quorum.
    const BootTime frozen = page::boot_now();
    while (page::boot_now() - frozen < test_parameters().lease) {
        holder->wait_for<NodeSeen>([](const auto& seen) { return seen.node == kFirstNode; });
        EXPECT_TRUE(holder->page().read().may_act(page::boot_now()));
    }
    beta_->signal_all(SIGCONT);
    holder->wait_for<SessionOpened>([](const auto& what) { return what.node == kSecondNode; });
    holder->wait_for<NodeSeen>([](const auto& what) { return what.node == kSecondNode; });
    EXPECT_EQ(holder->count<SteppedDown>(), 0U);
}

TEST_F(LeaseThreadTest, commands_are_run_by_the_holder_only) {
    const auto holder = member(0);
    const Command command{"1 + 1", Command::Guard::ServerClock};
    EXPECT_EQ(holder->run(kFirstNode, command).kind, CommandOutcome::Kind::NotRun);
    static_cast<void>(become_holder(*holder));
    const CommandOutcome done = holder->run(kFirstNode, command);
    EXPECT_EQ(done.kind, CommandOutcome::Kind::Done) << done.text;
    EXPECT_EQ(done.text, "2");
    const CommandOutcome set =
        holder->run(kSecondNode, {"ALTER SYSTEM SET work_mem = '5MB'", Command::Guard::None});
    EXPECT_EQ(set.kind, CommandOutcome::Kind::Done) << set.text;

    // The nodes fall silent: with its own vote alone it has no quorum.
    alpha_->signal_all(SIGSTOP);
    beta_->signal_all(SIGSTOP);
    holder->wait_for<SteppedDown>();
    EXPECT_FALSE(holder->page().read().may_act(BootTime::min()));
    const CommandOutcome late = holder->run(kFirstNode, command);
    EXPECT_EQ(late.kind, CommandOutcome::Kind::NotRun);
}

// A server that is stopped has the command in its socket when it goes on. Its idle timer and the guard both
// forbid it then; here either may.
TEST_F(LeaseThreadTest, command_that_a_node_wakes_up_with_has_no_effect) {
    alpha_->psql("CREATE SEQUENCE public.acted");
    const auto holder = member(0);
    static_cast<void>(become_holder(*holder));
    wait_for_both(*holder);
    alpha_->signal_all(SIGSTOP);
    const CommandOutcome outcome =
        holder->run(kFirstNode, {"nextval('public.acted')", Command::Guard::ServerClock});
    // Not sent, if a renewal was under way.
    EXPECT_TRUE(outcome.kind == CommandOutcome::Kind::InDoubt || outcome.kind == CommandOutcome::Kind::NotRun)
        << outcome.text;
    holder->wait_for<SteppedDown>();
    holder->thread().withdraw();
    holder->wait_for<ViewChanged>([](const auto& what) { return what.view.state == lease::State::Follower; });
    alpha_->signal_all(SIGCONT);
    // Until its sessions there have ended.
    const TimePoint end = SteadyClock::now() + seconds(25);
    while (query(alpha_->port(),
                 "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgpool-lease'") != "0") {
        ASSERT_LT(SteadyClock::now(), end);
        std::this_thread::sleep_for(milliseconds(20));
    }
    EXPECT_EQ(query(alpha_->port(), "SELECT is_called FROM public.acted"), "f");
}

TEST_F(LeaseThreadTest, epoch_survives_restarts_of_all_and_the_loss_of_one_memory) {
    auto holder = member(0);
    const Epoch first = become_holder(*holder);
    holder.reset();
    beta_->stop();
    beta_->start();
    holder = member(0);
    const Epoch second = become_holder(*holder);
    EXPECT_GT(second, first);
    holder.reset();
    std::filesystem::remove(settings_of(folder_.path(), 0, {}).remember);
    holder = member(0);
    EXPECT_GT(become_holder(*holder), second) << "the nodes have told it";
}

TEST_F(LeaseThreadTest, three_nodes_and_a_member_outvote_one_that_is_down) {
    const auto gamma = test::PostgresServer::primary("gamma");
    std::vector<std::uint16_t> three = ports();
    three.push_back(gamma->port());
    gamma->stop();
    Member holder(settings_of(folder_.path(), 0, three), meeting_);
    static_cast<void>(become_holder(holder));
    gamma->start();
    holder.wait_for<NodeSeen>([](const auto& seen) { return seen.node == VoterId(kMembers + 2); });
    EXPECT_EQ(recorded_at(gamma->port()), holder.page().read().epoch.value);
}

TEST_F(LeaseThreadTest, what_is_wrong_is_told_once) {
    Settings settings = settings_of(folder_.path(), 0, ports());
    settings.nodes[0].user = "nobody_of_this_name";
    settings.nodes[1].host = "no-such-host.invalid";
    Member member(settings, meeting_);
    member.thread().campaign({});
    const auto at = [](VoterId node) { return [node](const Trouble& what) { return what.voter == node; }; };
    EXPECT_NE(member.wait_for<Trouble>(at(kSecondNode)).text.find("no-such-host.invalid"), std::string::npos);
    member.wait_for<ViewChanged>([](const auto& what) { return what.view.state == lease::State::Resting; });
    member.wait_for<ViewChanged>([](const auto& what) { return what.view.state == lease::State::Acquiring; });
    EXPECT_LE(member.count<Trouble>(), 3U) << "of each node one, and one of the priority";
}

TEST_F(LeaseThreadTest, broken_memory_is_refused_and_a_page_has_one_writer) {
    const auto first = member(0);
    Meeting other;
    EXPECT_THROW(Member(settings_of(folder_.path(), 0, ports()), other), std::runtime_error);
    std::ofstream(settings_of(folder_.path(), 1, {}).remember) << "something else";
    EXPECT_THROW(Member(settings_of(folder_.path(), 1, ports()), other), std::runtime_error);
}

class NoLink final : public MemberLink {
public:
    void send(VoterId, std::string) noexcept override {}
};

TEST(LeaseReports, TheEndOfACommandIsNotLostThoughNobodyTakesThem) {
    constexpr std::size_t kCommands = 2 * LeaseThread::kReports;
    const TemporaryFolder folder;
    NoLink link;
    auto started = LeaseThread::start(settings_of(folder.path(), 0, {1, 1}), link);
    ASSERT_TRUE(started) << started.error().message;
    LeaseThread& thread = **started;
    for (std::size_t i = 0; i < kCommands; ++i) static_cast<void>(thread.run(kFirstNode, Command{}));
    std::size_t ended = 0;
    const TimePoint end = SteadyClock::now() + seconds(20);
    while (ended < kCommands && SteadyClock::now() < end) {
        pollfd ready{thread.reports_fd(), POLLIN, 0};
        ::poll(&ready, 1, 1000);
        for (const Report& report : thread.take_reports())
            ended += std::holds_alternative<report::CommandEnded>(report) ? 1 : 0;
    }
    EXPECT_EQ(ended, kCommands);
}

}  // namespace
}  // namespace pgpool::voters
