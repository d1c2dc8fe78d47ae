// SPDX-License-Identifier: PostgreSQL
// A lease session against a real server: what it asks, what it may, and how it ends.
#include "watchdog/voters/node_session.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <stdexcept>

#include "common/page/boot_now.h"
#include "tests/component/health/postgres_server.h"
#include "tests/component/voters/lease_rig.h"

namespace pgpool::voters {
namespace {

using Kind = lease::Question::Kind;

// A session that is waited for.
class Driven {
public:
    explicit Driven(const pg::ConnectParams& login, const lease::Parameters& parameters = test_parameters())
        : session_(login, "127.0.0.1", parameters) {}

    void ask(Kind kind, Epoch record = {}, Command command = {}, WallTime not_after = {}) {
        session_.ask({.kind = kind, .record = record, .command = lease::CommandId(1), .not_after = not_after},
                     std::move(command));
    }
    template <typename What>
    What next() {
        const TimePoint end = SteadyClock::now() + seconds(25);
        for (;;) {
            while (!happenings_.empty()) {
                const NodeSession::Happening happening = std::move(happenings_.front());
                happenings_.erase(happenings_.begin());
                if (const What* what = std::get_if<What>(&happening)) return *what;
                if (const auto* failed = std::get_if<NodeSession::Failed>(&happening)) {
                    throw std::runtime_error("the session failed: " + failed->reason);
                }
            }
            pollfd watched{session_.fd(), session_.events(), 0};
            if (::poll(&watched, 1, 1000) < 0 || SteadyClock::now() > end)
                throw std::runtime_error("nothing came");
            if (watched.revents != 0) happenings_ = session_.proceed();
        }
    }
    lease::Answer answer() { return next<NodeSession::Answered>().answer; }
    // The server frees it a moment after it has told of the end of a session, or seen it.
    void wait_for_lock() {
        const TimePoint end = SteadyClock::now() + seconds(25);
        do {
            if (SteadyClock::now() > end) throw std::runtime_error("the lock does not become free");
            ask(Kind::Lock);
        } while (!answer().has_lock);
    }
    CommandOutcome run(Command command, WallTime not_after) {
        ask(Kind::Run, {}, std::move(command), not_after);
        CommandOutcome outcome = next<NodeSession::Ran>().outcome;
        last_ = answer();
        return outcome;
    }
    [[nodiscard]] const lease::Answer& last() const { return last_; }

private:
    NodeSession session_;
    lease::Answer last_;
    std::vector<NodeSession::Happening> happenings_;
};

class NodeSessionTest : public testing::Test {
protected:
    static void SetUpTestSuite() { server_ = test::PostgresServer::primary("alpha"); }
    static void TearDownTestSuite() { server_.reset(); }
    void SetUp() override { server_->psql("ALTER SYSTEM RESET ALL"); }
    [[nodiscard]] static pg::ConnectParams login(std::string user = "postgres") {
        return login_at(server_->port(), std::move(user));
    }
    [[nodiscard]] static WallTime in(seconds time) { return std::chrono::system_clock::now() + time; }

    static std::unique_ptr<test::PostgresServer> server_;
};
std::unique_ptr<test::PostgresServer> NodeSessionTest::server_;

TEST_F(NodeSessionTest, lock_belongs_to_one_session_and_ends_with_it) {
    auto first = std::make_unique<Driven>(login());
    first->next<NodeSession::Opened>();
    first->ask(Kind::Lock);
    EXPECT_TRUE(first->answer().has_lock);

    Driven second(login());
    second.next<NodeSession::Opened>();
    second.ask(Kind::Lock);
    EXPECT_FALSE(second.answer().has_lock);
    first.reset();
    second.wait_for_lock();
}

TEST_F(NodeSessionTest, epoch_is_recorded_upwards_and_found_by_the_next) {
    {
        Driven session(login());
        session.next<NodeSession::Opened>();
        session.ask(Kind::Lock);
        EXPECT_EQ(session.answer().epoch, Epoch(0));
        session.ask(Kind::Renew, Epoch(7));
        EXPECT_EQ(session.answer().epoch, Epoch(7));
        EXPECT_EQ(recorded_at(server_->port()), 7U);
        session.ask(Kind::Renew, Epoch(5));
        EXPECT_EQ(session.answer().epoch, Epoch(7));
        EXPECT_EQ(recorded_at(server_->port()), 7U);
    }
    server_->stop();
    server_->start();
    Driven next(login());
    next.next<NodeSession::Opened>();
    next.ask(Kind::Lock);
    EXPECT_EQ(next.answer().epoch, Epoch(7));
}

TEST_F(NodeSessionTest, renewal_is_a_probe) {
    Driven session(login());
    session.next<NodeSession::Opened>();
    session.ask(Kind::Lock);
    static_cast<void>(session.answer());
    session.ask(Kind::Renew);
    const NodeObservation seen = session.next<NodeSession::Observed>().observation;
    EXPECT_FALSE(seen.in_recovery);
    EXPECT_EQ(seen.timeline, 1U);
    EXPECT_GT(seen.flushed, Lsn(0));
    EXPECT_LT(std::chrono::abs(seen.clock - std::chrono::system_clock::now()), seconds(20));
    EXPECT_LE(seen.postmaster_start, seen.checkpointer_start);
    EXPECT_LT(seen.checkpointer_start, seen.clock);
    EXPECT_GT(seen.round_trip, BootDuration(0));
}

TEST_F(NodeSessionTest, server_ends_a_session_that_is_silent) {
    lease::Parameters short_time = test_parameters();
    short_time.session_timeout = milliseconds(300);
    Driven session(login(), short_time);
    session.next<NodeSession::Opened>();
    session.ask(Kind::Lock);
    EXPECT_TRUE(session.answer().has_lock);
    const BootTime begin = page::boot_now();
    session.next<NodeSession::Failed>();
    EXPECT_GE(page::boot_now() - begin, milliseconds(200));
    Driven next(login());
    next.next<NodeSession::Opened>();
    next.wait_for_lock();
}

TEST_F(NodeSessionTest, commands_are_evaluated_before_the_end_only) {
    Driven session(login());
    session.next<NodeSession::Opened>();
    session.ask(Kind::Lock);
    static_cast<void>(session.answer());
    server_->psql("CREATE SEQUENCE public.done");

    const CommandOutcome in_time =
        session.run({"nextval('public.done')", Command::Guard::ServerClock}, in(seconds(60)));
    EXPECT_EQ(in_time.kind, CommandOutcome::Kind::Done);
    EXPECT_EQ(in_time.text, "1");
    const CommandOutcome too_late =
        session.run({"nextval('public.done')", Command::Guard::ServerClock}, in(seconds(-1)));
    EXPECT_EQ(too_late.kind, CommandOutcome::Kind::TooLate);
    EXPECT_EQ(query(server_->port(), "SELECT last_value FROM public.done"), "1");
    EXPECT_TRUE(session.last().has_lock);
    EXPECT_GT(session.last().server_clock, WallTime());
}

TEST_F(NodeSessionTest, statements_that_cannot_be_wrapped_are_run_alone) {
    Driven session(login());
    session.next<NodeSession::Opened>();
    session.ask(Kind::Lock);
    static_cast<void>(session.answer());
    const CommandOutcome set =
        session.run({"ALTER SYSTEM SET primary_conninfo = ''", Command::Guard::None}, in(seconds(9)));
    EXPECT_EQ(set.kind, CommandOutcome::Kind::Done);
    EXPECT_EQ(query(server_->port(), "SELECT count(*) FROM pg_file_settings WHERE name = 'primary_conninfo'"),
              "1");
    const CommandOutcome two = session.run({"SELECT 1; SELECT 2", Command::Guard::None}, in(seconds(9)));
    EXPECT_EQ(two.kind, CommandOutcome::Kind::Failed);
    const CommandOutcome wrong =
        session.run({"no_such_function()", Command::Guard::ServerClock}, in(seconds(9)));
    EXPECT_EQ(wrong.kind, CommandOutcome::Kind::Failed);
    EXPECT_NE(wrong.text.find("no_such_function"), std::string::npos);
    EXPECT_TRUE(session.last().has_lock) << "a command that fails costs no session";
}

TEST_F(NodeSessionTest, role_needs_four_grants) {
    server_->psql("CREATE ROLE lease LOGIN");
    std::string lacking;
    {
        Driven session(login("lease"));
        lacking = session.next<NodeSession::Failed>().reason;
    }
    const std::string prefix = "the role lacks rights: ";
    ASSERT_EQ(lacking.substr(0, prefix.size()), prefix);
    server_->psql(lacking.substr(prefix.size()));
    Driven session(login("lease"));
    session.next<NodeSession::Opened>();
    session.ask(Kind::Lock);
    EXPECT_TRUE(session.answer().has_lock);
    session.ask(Kind::Renew, Epoch(3));
    EXPECT_GT(session.next<NodeSession::Observed>().observation.checkpointer_start, WallTime());
    EXPECT_EQ(session.answer().epoch, Epoch(3));
    EXPECT_EQ(recorded_at(server_->port()), 3U);
}

TEST_F(NodeSessionTest, refusal_by_the_server_is_told) {
    Driven session(login("nobody_of_this_name"));
    EXPECT_NE(session.next<NodeSession::Failed>().reason.find("nobody_of_this_name"), std::string::npos);
}

}  // namespace
}  // namespace pgpool::voters
