// SPDX-License-Identifier: PostgreSQL

// One end of the bus in a process of its own, for tests: reads commands from stdin, writes what happens to
// stdout, one line each, and ends with its stdin, so that it never outlives the test.
//
// usage: ipc_peer hub|client|squatter|raw SERVICE [uid=N] [gid=N] [group=N] [limit=N] [timeout=N] [minor=N]
// [major=N]
//   hub     answers each Command with its first argument; commands: event TEXT, flood N, counters
//   client  ipc::Client; commands: event TEXT, flood N (until refused), command N (times N of them),
//   oversized squatter  listens under the name; command: answer FILE (to the next who connects, as libqb's
//   hub would, naming that file) raw     libqb without ipc::Client, connects on start; commands: hello,
//   hello-and-die, type N, event TEXT, header SIZE LENGTH

#include <grp.h>
#include <qb/qbipcc.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <climits>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>

#include "common/base/unique_fd.h"
#include "common/ipc/client.h"
#include "common/ipc/hub.h"

namespace {

using namespace pgpool;  // NOLINT: a program of one file

void say(const std::string& line) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
}

struct Arguments {
    std::string role;
    std::string service;
    std::map<std::string, long> numbers;

    [[nodiscard]] long number(const std::string& name, long otherwise) const {
        const auto found = numbers.find(name);
        return found == numbers.end() ? otherwise : found->second;
    }
};

Arguments read_arguments(int count, char** values) {
    if (count < 3) std::exit(2);
    Arguments arguments{.role = values[1], .service = values[2], .numbers = {}};
    for (int i = 3; i < count; ++i) {
        const std::string text = values[i];
        const auto equals = text.find('=');
        arguments.numbers[text.substr(0, equals)] = std::stol(text.substr(equals + 1));
    }
    return arguments;
}

void become(const Arguments& arguments) {
    const auto uid = static_cast<uid_t>(arguments.number("uid", ::getuid()));
    const auto gid = static_cast<gid_t>(arguments.number("gid", ::getgid()));
    if (uid == ::getuid() && gid == ::getgid()) return;
    if (::setgroups(0, nullptr) != 0 || ::setresgid(gid, gid, gid) != 0 || ::setresuid(uid, uid, uid) != 0) {
        std::perror("cannot become another user");
        std::exit(2);
    }
}

ipc::Trust trust_of(const Arguments& arguments) {
    std::optional<gid_t> group;
    if (arguments.numbers.contains("group")) group = static_cast<gid_t>(arguments.number("group", 0));
    return ipc::Trust::of_this_process(group);
}

ipc::SendLimits limits_of(const Arguments& arguments) {
    ipc::SendLimits limits;
    limits.messages = static_cast<std::size_t>(arguments.number("limit", static_cast<long>(limits.messages)));
    return limits;
}

bus::Hello hello_of(const Arguments& arguments) {
    return {.version = {.major = static_cast<std::uint16_t>(arguments.number("major", bus::kVersion.major)),
                        .minor = static_cast<std::uint16_t>(arguments.number("minor", bus::kVersion.minor))},
            .program = "test-" + arguments.role,
            .instance = "main",
            .pid = 1,
            .incarnation = 7};
}

bus::Event numbered_event(long number) {
    return {.at_ns = 0, .program = "test", .line = std::to_string(number) + std::string(1000, '.')};
}

// "event 17" for an event that begins so; its padding is left out.
std::string text_of(const bus::Message& message) {
    if (const auto* event = std::get_if<bus::Event>(&message)) {
        return "event " + event->line.substr(0, event->line.find("..."));
    }
    return bus::type_name(message);
}

class HubRole final : public ipc::HubHandler {
public:
    explicit HubRole(const Arguments& arguments)
        : hub_({.service = arguments.service,
                .trust = trust_of(arguments),
                .welcome = {.program = "test-hub", .member = "m1", .pid = 0, .incarnation = 1},
                .limits = limits_of(arguments)},
               *this) {
        hub_.start();
    }

    void on_client(const ipc::ClientInfo& client) override {
        say("client " + std::to_string(client.id.value) + " " + client.hello.program + " pid " +
            std::to_string(client.hello.pid));
    }
    void on_message(ipc::ClientId client, bus::Message message) override {
        if (const auto* command = std::get_if<bus::Command>(&message)) {
            const std::string echo = command->arguments.empty() ? "" : command->arguments.front();
            static_cast<void>(hub_.send(client, bus::Answer{.id = command->id, .json = echo}));
            return;
        }
        say("from " + std::to_string(client.value) + " " + text_of(message));
    }
    void on_gone(ipc::ClientId client, const std::string& reason) override {
        say("gone " + std::to_string(client.value) + " " + reason);
    }

    void obey(const std::string& verb, std::istringstream& rest) {
        std::string word;
        rest >> word;
        if (verb == "event") static_cast<void>(hub_.broadcast(bus::Event{.line = word}));
        if (verb == "flood") {
            for (long i = 0; i < std::stol(word); ++i) static_cast<void>(hub_.broadcast(numbered_event(i)));
        }
        if (verb == "counters") {
            const ipc::HubCounters& counters = hub_.counters();
            say("counters foreign " + std::to_string(counters.foreign) + " unknown " +
                std::to_string(counters.unknown) + " refused " + std::to_string(counters.refused) +
                " overflow " + std::to_string(counters.overflow));
        }
    }

private:
    ipc::Hub hub_;
};

class ClientRole final : public ipc::ClientHandler {
public:
    explicit ClientRole(const Arguments& arguments)
        : client_({.service = arguments.service,
                   .trust = trust_of(arguments),
                   .hello = hello_of(arguments),
                   .limits = limits_of(arguments),
                   .answer_timeout = milliseconds(arguments.number("timeout", 2000))},
                  *this, [](const ipc::Task& task) { task(); }) {}

    void on_up(const bus::Welcome& hub) override { say("up " + hub.program + " of " + hub.member); }
    void on_down(const std::string& reason) override { say("down " + reason); }
    void on_message(bus::Message message) override {
        if (const auto* answer = std::get_if<bus::Answer>(&message)) {
            if (!answer->json.empty()) say("answer of " + std::to_string(answer->json.size()));
            const std::lock_guard lock(mutex_);
            answered_ = answer->id;
            condition_.notify_all();
            return;
        }
        say("got " + text_of(message));
    }

    void obey(const std::string& verb, std::istringstream& rest) {
        std::string word;
        rest >> word;
        if (verb == "event") say_result(client_.send(bus::Event{.line = word}));
        if (verb == "oversized") say_result(client_.send(bus::Event{.line = std::string(70'000, 'x')}));
        if (verb == "flood") {
            long sent = 0;
            while (sent < std::stol(word) && client_.send(numbered_event(sent))) ++sent;
            say("sent " + std::to_string(sent));
        }
        if (verb == "echo") {
            const std::string text(static_cast<std::size_t>(std::stol(word)), 'x');
            say_result(client_.send(bus::Command{.id = 0, .verb = "echo", .arguments = {text}}));
        }
        if (verb == "command") measure(std::stol(word));
    }

private:
    static void say_result(const Result<void>& result) {
        say(result ? "sent" : "not sent: " + result.error().message);
    }

    // Round trips, one after the other; the longest of them.
    void measure(long times) {
        std::chrono::microseconds longest{};
        for (long i = 0; i < times; ++i) {
            const auto begin = std::chrono::steady_clock::now();
            std::unique_lock lock(mutex_);
            const std::uint64_t id = ++asked_;
            static_cast<void>(client_.send(bus::Command{.id = id, .verb = "ping"}));
            if (!condition_.wait_for(lock, std::chrono::seconds(10), [&] { return answered_ == id; })) break;
            longest = std::max(longest, std::chrono::duration_cast<std::chrono::microseconds>(
                                            std::chrono::steady_clock::now() - begin));
        }
        say("longest " + std::to_string(longest.count()));
    }

    std::mutex mutex_;
    std::condition_variable condition_;
    std::uint64_t asked_ = 0;
    std::uint64_t answered_ = 0;
    ipc::Client client_;
};

class RawRole {
public:
    explicit RawRole(const Arguments& arguments)
        : hello_(hello_of(arguments)),
          connection_(::qb_ipcc_connect(arguments.service.c_str(), ipc::kFrameLimit)) {
        if (connection_ == nullptr) std::perror("qb_ipcc_connect");
    }
    RawRole(const RawRole&) = delete;
    RawRole& operator=(const RawRole&) = delete;
    ~RawRole() { ::qb_ipcc_disconnect(connection_); }

    void obey(const std::string& verb, std::istringstream& rest) {
        if (verb == "hello") send(*ipc::to_frame(hello_).value());
        if (verb == "hello-and-die") {
            send(*ipc::to_frame(hello_).value());
            ::kill(::getpid(), SIGKILL);
        }
        std::string word;
        rest >> word;
        if (verb == "event") send(*ipc::to_frame(bus::Event{.line = word}).value());
        if (verb == "type") {
            std::string frame = *ipc::to_frame(bus::Event{}).value();
            const auto type = static_cast<std::uint16_t>(std::stol(word));
            std::memcpy(frame.data() + ipc::kFrameHeader, &type, sizeof type);
            send(frame);
        }
        if (verb == "header") {
            std::string length;
            rest >> length;
            std::string frame(static_cast<std::size_t>(std::stol(length)), '\x01');
            const auto size = static_cast<std::int32_t>(std::stol(word));
            std::memset(frame.data(), 0, 16);
            std::memcpy(frame.data() + offsetof(qb_ipc_request_header, size), &size, sizeof size);
            send(frame);
        }
    }

private:
    void send(const std::string& frame) {
        const ssize_t status = ::qb_ipcc_send(connection_, frame.data(), frame.size());
        say("status " + std::to_string(status));
    }

    bus::Hello hello_;
    qb_ipcc_connection_t* connection_;
};

// The answer of a libqb hub to a client that connects, as the library's both ends lay it out.
struct SetUpAnswer {
    qb_ipc_response_header header{};
    std::int32_t connection_type = QB_IPC_SOCKET;
    std::uint32_t max_message = ipc::kFrameLimit;
    std::intptr_t connection = 1;
    std::array<char, PATH_MAX> request{};  // the file for flow control
    std::array<char, PATH_MAX> response{};
    std::array<char, PATH_MAX> event{};
};

class SquatterRole {
public:
    explicit SquatterRole(const Arguments& arguments) : listener_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        arguments.service.copy(address.sun_path + 1, sizeof address.sun_path - 2);
        const int on = 1;
        ::setsockopt(listener_.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
        if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
            ::listen(listener_.get(), 10) != 0) {
            std::perror("squatter");
        }
    }

    void obey(const std::string& /*answer*/, std::istringstream& rest) {
        std::string file;
        rest >> file;
        SetUpAnswer answer;
        answer.header.size = sizeof answer;
        file.copy(answer.request.data(), answer.request.size() - 1);
        std::string("squatted").copy(answer.response.data(), 8);
        client_.reset(::accept(listener_.get(), nullptr, nullptr));
        static_cast<void>(::send(client_.get(), &answer, sizeof answer, MSG_NOSIGNAL));
        say("answered");
    }

private:
    UniqueFd listener_;
    UniqueFd client_;
};

template <typename Role>
void obey_until_end(Role& role) {
    say("ready");
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream rest(line);
        std::string verb;
        rest >> verb;
        role.obey(verb, rest);
    }
}

}  // namespace

int main(int count, char** values) {
    const Arguments arguments = read_arguments(count, values);
    become(arguments);
    try {
        if (arguments.role == "hub") {
            HubRole hub(arguments);
            obey_until_end(hub);
        } else if (arguments.role == "client") {
            ClientRole client(arguments);
            obey_until_end(client);
        } else if (arguments.role == "squatter") {
            SquatterRole squatter(arguments);
            obey_until_end(squatter);
        } else {
            RawRole raw(arguments);
            obey_until_end(raw);
        }
    } catch (const std::exception& error) {
        say(std::string("failed ") + error.what());
        return 1;
    }
    return 0;
}
