// SPDX-License-Identifier: PostgreSQL
// Asks the watchdog of a member over the bus, as pgpool-ctl does, and prints the answer.
//     bus_ask MEMBER VERB ARGUMENT...
// Exit status: that of the answer; 3: there was none within ten seconds.
#include <unistd.h>

#include <cstdio>
#include <future>
#include <thread>
#include <vector>

#include "common/bus/paging.h"
#include "common/ipc/client.h"
#include "common/ipc/frame.h"

namespace {

using namespace pgpool;

class Asker final : public ipc::ClientHandler {
public:
    explicit Asker(bus::Command command) : command_(std::move(command)) {}
    void use(ipc::Client& client) { client_.set_value(&client); }
    [[nodiscard]] std::future<bus::Answer> answer() { return answer_.get_future(); }

private:
    void on_up(const bus::Welcome&) override { static_cast<void>(made_.get()->send(command_)); }
    void on_down(const std::string& reason) override { std::fprintf(stderr, "%s\n", reason.c_str()); }
    void on_message(bus::Message message) override {
        auto* page = std::get_if<bus::Answer>(&message);
        if (page == nullptr) return;
        auto whole = pages_.add(std::move(*page));
        if (whole && *whole) answer_.set_value(std::move(**whole));
    }

    bus::Command command_;
    std::promise<ipc::Client*> client_;
    std::shared_future<ipc::Client*> made_{client_.get_future()};
    std::promise<bus::Answer> answer_;
    bus::Assembler<bus::Answer> pages_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    bus::Command command{.id = 1, .verb = argv[2], .arguments = {}};
    command.arguments.assign(argv + 3, argv + argc);
    Asker asker(command);
    auto answer = asker.answer();
    ipc::ClientOptions options;
    options.service = *ipc::service_name(argv[1]);
    options.trust = ipc::Trust::of_this_process({});
    options.hello.program = "pgpool-ctl";
    ipc::Client client(options, asker, [](const ipc::Task& task) { task(); });
    asker.use(client);
    int status = 3;
    if (answer.wait_for(std::chrono::seconds(10)) == std::future_status::ready) {
        const bus::Answer got = answer.get();
        std::printf("%s\n", got.json.c_str());
        std::fflush(stdout);
        status = got.exit_code;
    }
    ::_exit(status);  // the client runs what comes in on its own thread, and so cannot be destroyed on ours
}
