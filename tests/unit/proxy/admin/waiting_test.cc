// SPDX-License-Identifier: PostgreSQL
// A session of the console while a command of ours waits for its result: what may happen to it meanwhile.
#include <gtest/gtest.h>

#include <map>

#include "common/wire/decoder.h"
#include "common/wire/encoder.h"
#include "proxy/exec/session.h"

namespace pgpool::exec {
namespace {

class WaitingCommand : public testing::Test, public Effects {
protected:
    WaitingCommand() : surroundings_(std::make_shared<config::Config>(), "p_", 1) {
        database_.name = "pgpool";
        database_.is_admin = true;
        session_.emplace(
            1, Session::Login{.user = "root", .database = &database_, .startup = surroundings_.names.empty()},
            surroundings_, *this);
        session_->start();
        static_cast<void>(heard());
    }

    void ask(std::string_view sql) {
        wire::append_query(input_, sql);
        pump();
    }
    void pump() { input_.erase(0, session_->pump(input_)); }

    // The types of the messages since the last call; of an error its SQLSTATE.
    std::string heard() {
        std::string types;
        for (std::size_t at = 0; at < output_.size();) {
            const wire::Frame frame = wire::next_frame(std::string_view(output_).substr(at)).frame;
            types += frame.type == 'E' ? std::string(wire::read_error_fields(frame.body).sqlstate)
                                       : std::string(1, frame.type);
            at += frame.bytes.size();
        }
        output_.clear();
        return types;
    }

    void reply(ByteView bytes) override { output_ += bytes; }
    bool client_is_behind() override { return output_.size() > room_; }
    void send(ServerLink&, ByteView) override { FAIL() << "the console has no server"; }
    ServerLink* acquire(const route::Target&) override {
        ADD_FAILURE() << "the console has no server";
        return nullptr;
    }
    void withdraw() override {}
    void release(ServerLink&, Disposal) override {}
    bool connection_wanted() override { return false; }
    void cancel(ServerLink&) override {}
    void await_news() override {}
    void arm(TimerKind timer, milliseconds after) override { timers_[timer] = after; }
    void disarm(TimerKind timer) override { timers_.erase(timer); }
    void close() override { closed_ = true; }
    TimePoint clock() override { return {}; }
    void ddl_seen() override {}
    void facts_wanted() override {}
    void login_refused(const Error& /*error*/) override {}
    void statement(std::string_view, const ServerLink*) override {}
    void node_suspect(NodeId) override {}
    void node_failed(NodeId, std::uint64_t, cluster::Sign, std::string_view) override {}
    void mark_refused(std::uint64_t) override {}
    void prepared_left(std::uint64_t) override {}
    OwnAnswer own_command(const sql::Statement&, exec::Run run) override {
        ++asked_;
        last_run_ = run;
        if (run == exec::Run::Describe) return Result<OwnResult>(result());
        return milliseconds(1000);
    }
    Result<OwnResult> own_result() override {
        ++taken_;
        return result();
    }

    static OwnResult result() {
        OwnResult result;
        result.columns = {{"v"}};
        result.rows.push_back({std::string("x")});
        result.tag = "SHOW";
        return result;
    }

    Surroundings surroundings_;
    Database database_;
    std::optional<Session> session_;
    std::string input_;
    std::string output_;
    std::size_t room_ = SIZE_MAX;  // for output that the client has not read
    std::map<TimerKind, milliseconds> timers_;
    bool closed_ = false;
    int asked_ = 0;
    int taken_ = 0;
    exec::Run last_run_ = exec::Run::Execute;
};

TEST_F(WaitingCommand, AnswersWhenTheResultIsThere) {
    ask("SHOW CLIENTS");
    EXPECT_EQ(heard(), "");
    EXPECT_EQ(session_->state(), "active");
    EXPECT_TRUE(timers_.contains(TimerKind::Wait));
    session_->on_own_ready();
    pump();
    EXPECT_EQ(heard(), "TDCZ");
    EXPECT_FALSE(timers_.contains(TimerKind::Wait));
    EXPECT_EQ(asked_, 1);
    EXPECT_EQ(session_->state(), "idle");
}

TEST_F(WaitingCommand, AnswersWithWhatThereIsWhenTheTimeIsOver) {
    ask("SHOW CLIENTS");
    session_->on_timer(TimerKind::Wait);
    pump();
    EXPECT_EQ(heard(), "TDCZ");
    session_->on_own_ready();  // too late
    pump();
    EXPECT_EQ(heard(), "");
    EXPECT_EQ(taken_, 1);
}

TEST_F(WaitingCommand, ClientThatDoesNotReadIsNotServedOn) {
    room_ = 0;
    ask("SHOW CLIENTS");
    ask("SHOW POOLS");
    session_->on_own_ready();
    pump();
    EXPECT_EQ(asked_, 1);
    EXPECT_EQ(heard(), "TDCZ");  // it reads
    pump();
    EXPECT_EQ(asked_, 2);
}

TEST_F(WaitingCommand, WhatIsAskedMeanwhileWaitsItsTurn) {
    ask("SHOW CLIENTS");
    ask("SHOW POOLS");
    EXPECT_EQ(asked_, 1);
    session_->on_own_ready();
    pump();
    EXPECT_EQ(heard(), "TDCZ");
    EXPECT_EQ(asked_, 2);
    session_->on_own_ready();
    pump();
    EXPECT_EQ(heard(), "TDCZ");
}

TEST_F(WaitingCommand, CancelEndsTheWait) {
    ask("SHOW CLIENTS");
    session_->on_cancel();
    pump();
    EXPECT_EQ(heard(), "57014Z");
    session_->on_own_ready();  // of the cancelled one
    pump();
    EXPECT_EQ(heard(), "");
    ask("SHOW CLIENTS");
    EXPECT_EQ(asked_, 2) << "the next one is asked anew";
}

TEST_F(WaitingCommand, AClientThatIsGoneIsNotAnswered) {
    ask("SHOW CLIENTS");
    session_->on_client_gone();
    session_->on_own_ready();
    pump();
    EXPECT_EQ(heard(), "");
    EXPECT_EQ(taken_, 0);
}

TEST_F(WaitingCommand, DrainLetsTheCommandFinish) {
    ask("SHOW CLIENTS");
    session_->on_drain();
    EXPECT_EQ(heard(), "");
    EXPECT_FALSE(closed_);
    session_->on_own_ready();
    pump();
    EXPECT_EQ(heard(), "TDCZ57P01");
    EXPECT_TRUE(closed_);
}

TEST_F(WaitingCommand, DescribingRunsNothing) {
    wire::append_parse(input_, "s", std::string_view("PGPOOL RELOAD\0\0\0", 16));
    wire::append_frame(input_, 'D', std::string_view("Ss\0", 3));
    wire::append_sync(input_);
    pump();
    EXPECT_EQ(heard(), "1tTZ");
    EXPECT_EQ(last_run_, exec::Run::Describe);
}

TEST_F(WaitingCommand, ExecuteWithoutBindIsRefused) {
    wire::append_parse(input_, "", std::string_view("SHOW CLIENTS\0\0\0", 15));
    wire::append_frame(input_, 'E', std::string_view("\0\0\0\0\0", 5));
    wire::append_sync(input_);
    pump();
    session_->on_own_ready();
    pump();
    EXPECT_EQ(heard(), "134000Z");
}

}  // namespace
}  // namespace pgpool::exec
