// SPDX-License-Identifier: PostgreSQL
// A worker that was away, as when the process is stopped, longer than a command of ours may take.
#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "tests/component/session/worker_fixture.h"

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

class Console : public WorkerTest {
protected:
    void log_in() {
        start({{"user", "amy"}, {"database", config()->admin.database}});
        static_cast<void>(heard_until_ready());
    }
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
    log_in();
    ask("SHOW VERSION");
    const std::string answer = heard_until_ready();
    EXPECT_EQ(answer.find("INCOMPLETE"), std::string::npos);
    EXPECT_NE(answer.find("COMPLETE"), std::string::npos);
    other.join();
}

TEST_F(Console, AnAnswerThatDoesNotComeIsTakenAsItIs) {
    shared_.run_own_command = [&](Worker&, const ClientConnection&, const sql::Statement&, exec::Run) {
        return OwnOutcome(Promise{std::make_shared<Late>(), milliseconds(100)});
    };
    log_in();
    ask("SHOW VERSION");
    EXPECT_NE(heard_until_ready().find("INCOMPLETE"), std::string::npos);
}

}  // namespace
}  // namespace pgpool::session
