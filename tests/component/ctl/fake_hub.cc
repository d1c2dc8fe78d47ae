// SPDX-License-Identifier: PostgreSQL

// A hub that answers what it finds in a folder, for tests of pgpool-ctl.
//
// usage: fake_hub SERVICE FOLDER
// A Command VERB is answered by the file FOLDER/VERB: exit code, space, JSON, in as many pages as it takes;
// without such a file it gets no answer. The lines of FOLDER/events follow an answer to "log" as Events.
// Says "ready", then for each Command its verb and arguments. Ends with its stdin.

#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include "common/bus/paging.h"
#include "common/ipc/hub.h"

namespace {

using namespace pgpool;  // NOLINT: a program of one file

void say(const std::string& line) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
}

class FakeHub final : public ipc::HubHandler {
public:
    FakeHub(const std::string& service, std::string folder)
        : folder_(std::move(folder)),
          hub_({.service = service,
                .trust = ipc::Trust::of_this_process({}),
                .welcome = {.program = "fake-hub", .member = "m1", .pid = 0, .incarnation = 1},
                .limits = {}},
               *this) {
        hub_.start();
    }

    void on_client(const ipc::ClientInfo& /*client*/) override {}
    void on_gone(ipc::ClientId /*client*/, const std::string& /*reason*/) override {}
    void on_message(ipc::ClientId client, bus::Message message) override {
        const auto* command = std::get_if<bus::Command>(&message);
        if (command == nullptr) return;
        std::string line = command->verb;
        for (const std::string& argument : command->arguments) line += " [" + argument + "]";
        say(line);
        answer(client, *command);
        if (command->verb == "log") send_events(client);
    }

private:
    void answer(ipc::ClientId client, const bus::Command& command) {
        std::ifstream file(folder_ + "/" + command.verb);
        unsigned code = 0;
        if (!(file >> code)) return;
        file.get();
        std::ostringstream json;
        json << file.rdbuf();
        const bus::Answer whole{
            .id = command.id, .page = {}, .exit_code = static_cast<std::uint8_t>(code), .json = json.str()};
        for (const bus::Answer& page : bus::pages_of(whole)) static_cast<void>(hub_.send(client, page));
    }

    void send_events(ipc::ClientId client) {
        std::ifstream file(folder_ + "/events");
        for (std::string line; std::getline(file, line);) {
            static_cast<void>(hub_.send(client, bus::Event{.at_ns = 1'767'225'600'123'000'000,
                                                           .severity = bus::Severity::Warning,
                                                           .program = "pgpool-watchdog",
                                                           .line = line}));
        }
    }

    std::string folder_;
    ipc::Hub hub_;
};

}  // namespace

int main(int count, char** values) {
    if (count != 3) return 2;
    try {
        FakeHub hub(values[1], values[2]);
        say("ready");
        for (std::string line; std::getline(std::cin, line);) {
        }
    } catch (const std::exception& error) {
        say(std::string("failed ") + error.what());
        return 1;
    }
    return 0;
}
