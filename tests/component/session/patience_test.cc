// SPDX-License-Identifier: PostgreSQL
// A worker that was away, as when the process is stopped, longer than a command of ours may take.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "common/net/socket.h"
#include "common/wire/encoder.h"
#include "common/wire/startup.h"
#include "proxy/session/worker.h"

namespace pgpool::session {
namespace {

constexpr milliseconds kPatience{1000};

// The rest of an answer, which says whether it was there when it was taken.
class Late final : public PendingAnswer {
public:
    Result<exec::OwnResult> take() override {
        exec::OwnResult result;
        result.tag = is_there ? "COMPLETE" : "INCOMPLETE";
        return result;
    }
    std::atomic<bool> is_there{false};
};

config::ConfigPtr trusting_config() {
    config::Config config;
    config.admin.users = {"amy"};
    return std::make_shared<const config::Config>(std::move(config));
}

AuthTablesPtr trusting_tables() {
    auto tables = std::make_shared<AuthTables>();
    config::AccessRule rule;
    rule.method = config::AuthMethod::Trust;
    tables->access = auth::AccessList::compile({rule}).value();
    return tables;
}

class Console : public testing::Test {
protected:
    Console() : worker_(shared_, 0, trusting_config(), trusting_tables()) {
        shared_.worker_count = 1;
        shared_.post_to_worker = [this](std::uint32_t, std::function<void()> task) {
            worker_.run_on(std::move(task));
        };
        const net::Address address = net::resolve("127.0.0.1", 0).value().front();
        UniqueFd listener = net::listen_on(address, 1, net::ReusePort::No).value();
        client_ = net::start_connect(net::local_address(listener.get())).value();
        worker_.listen(std::move(listener));
    }
    ~Console() override {
        worker_.stop();
        thread_.join();
    }

    void start() {
        thread_ = std::thread([this] { worker_.run(); });
        std::string startup;
        wire::append_startup(startup, {{"user", "amy"}, {"database", trusting_config()->admin.database}});
        tell(startup);
        static_cast<void>(heard_until_ready());
    }
    void tell(const std::string& bytes) {
        for (int i = 0; i < 1000 && net::transmit(client_.get(), bytes).count != bytes.size(); ++i)
            std::this_thread::sleep_for(milliseconds(1));
    }
    std::string heard_until_ready() {
        std::string heard;
        const std::string ready("Z\0\0\0\5I", 6);
        for (int i = 0; i < 10'000 && !heard.ends_with(ready); ++i) {
            char bytes[4096];
            const net::IoResult got = net::receive(client_.get(), bytes, sizeof bytes);
            heard.append(bytes, got.count);
            if (got.count == 0) std::this_thread::sleep_for(milliseconds(1));
        }
        return heard;
    }

    Shared shared_;
    Worker worker_;
    UniqueFd client_;
    std::thread thread_;
};

TEST_F(Console, AStopDoesNotUseUpThePatienceForOtherWorkers) {
    auto late = std::make_shared<Late>();
    std::thread other;
    std::atomic<bool> went_on{false};
    shared_.run_own_command = [&](Worker&, const ClientConnection& asker, const sql::Statement&, exec::Run) {
        other = std::thread([&, client = asker.id()] {
            while (!went_on) std::this_thread::sleep_for(milliseconds(1));
            std::this_thread::sleep_for(milliseconds(50));
            late->is_there = true;
            worker_.run_on([&, client] { worker_.own_ready(client, *late); });
        });
        worker_.run_on([&] {
            std::this_thread::sleep_for(kPatience + milliseconds(100));  // the stop
            worker_.run_on([&] { went_on = true; });
        });
        return OwnOutcome(Promise{late, kPatience});
    };
    start();
    std::string query;
    wire::append_query(query, "SHOW VERSION");
    tell(query);
    const std::string answer = heard_until_ready();
    EXPECT_EQ(answer.find("INCOMPLETE"), std::string::npos);
    EXPECT_NE(answer.find("COMPLETE"), std::string::npos);
    other.join();
}

TEST_F(Console, AnAnswerThatDoesNotComeIsTakenAsItIs) {
    shared_.run_own_command = [&](Worker&, const ClientConnection&, const sql::Statement&, exec::Run) {
        return OwnOutcome(Promise{std::make_shared<Late>(), milliseconds(100)});
    };
    start();
    std::string query;
    wire::append_query(query, "SHOW VERSION");
    tell(query);
    EXPECT_NE(heard_until_ready().find("INCOMPLETE"), std::string::npos);
}

}  // namespace
}  // namespace pgpool::session
