// SPDX-License-Identifier: PostgreSQL

// The hub of a member's bus, played by a test: it says what it is told, one command a line.
//
// usage: member_hub SERVICE [UID GID]     (as that user; whoever has that group may connect, and root)
//   topology EPOCH REVISION NAME:ROLE:STATE ...     to all, and from now on to everybody who connects
//   older EPOCH REVISION NAME:ROLE:STATE ...        to all who are there
//   pages EPOCH REVISION NAME:ROLE:STATE ...        as topology, one node on each page
//   lease EPOCH HOLDER MILLISECONDS                 to all: so long from now
// What clients say comes out, one line each:
//   client PROGRAM | gone PROGRAM
//   observed EPOCH NODE SUSPICION CLASS REASON
//   parked EPOCH REVISION CLIENTS
//   list REVISION PORT>PORT ...                     client's port, server's port
//   membership EPOCH REVISION NAME:ROLE:STATE ...

#include <grp.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>

#include "common/bus/paging.h"
#include "common/ipc/hub.h"

namespace {

using namespace pgpool;

void say(const std::string& line) {
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    std::cout << line << std::endl;  // NOLINT(performance-avoid-endl): the reader waits for it
}

bus::NodeRole role_of(const std::string& word) {
    if (word == "primary") return bus::NodeRole::Primary;
    return word == "standby" ? bus::NodeRole::Standby : bus::NodeRole::Unknown;
}

bus::NodeState state_of(const std::string& word) {
    static const std::map<std::string, bus::NodeState> kStates{{"up", bus::NodeState::Up},
                                                               {"down", bus::NodeState::Down},
                                                               {"detached", bus::NodeState::Detached},
                                                               {"recovering", bus::NodeState::Recovering},
                                                               {"parked", bus::NodeState::Parked}};
    const auto found = kStates.find(word);
    return found == kStates.end() ? bus::NodeState::Unknown : found->second;
}

bus::Topology read_topology(std::istringstream& words) {
    bus::Topology topology;
    words >> topology.epoch >> topology.revision;
    for (std::string word; words >> word;) {
        std::istringstream parts(word);
        bus::Node node;
        std::string role;
        std::string state;
        std::getline(parts, node.name, ':');
        std::getline(parts, role, ':');
        std::getline(parts, state, ':');
        node.id = static_cast<std::uint16_t>(topology.nodes.size());
        node.role = role_of(role);
        node.state = state_of(state);
        topology.nodes.push_back(std::move(node));
    }
    return topology;
}

std::string text_of(const bus::Topology& topology) {
    static const char* const kRoles[] = {"unknown", "primary", "standby", "replica"};
    static const char* const kStates[] = {"unknown", "up", "down", "detached", "recovering", "parked"};
    std::string text = std::to_string(topology.epoch) + " " + std::to_string(topology.revision);
    for (const bus::Node& node : topology.nodes) {
        text += " " + node.name + ":" + kRoles[static_cast<std::size_t>(node.role)] + ":" +
                kStates[static_cast<std::size_t>(node.state)];
    }
    return text;
}

std::int64_t boot_nanoseconds() {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

class FakeHub final : public ipc::HubHandler {
public:
    FakeHub(const std::string& service, std::optional<gid_t> group)
        : hub_({.service = service,
                .trust = ipc::Trust::of_this_process(group),
                .welcome = {.program = "fake-hub", .member = "m1", .pid = 0, .incarnation = 1},
                .limits = {}},
               *this) {
        hub_.start();
    }

    void on_client(const ipc::ClientInfo& client) override {
        const std::lock_guard lock(mutex_);
        names_[client.id.value] = client.hello.program;
        say("client " + client.hello.program);
        if (topology_) static_cast<void>(hub_.send(client.id, *topology_));
    }
    void on_message(ipc::ClientId /*client*/, bus::Message message) override {
        if (const auto* seen = std::get_if<bus::Observation>(&message)) {
            say("observed " + std::to_string(seen->epoch) + " " + std::to_string(seen->node) + " " +
                std::to_string(static_cast<int>(seen->suspicion)) + " " +
                std::to_string(static_cast<int>(seen->failure)) + " " + seen->reason);
        } else if (const auto* parked = std::get_if<bus::Parked>(&message)) {
            say("parked " + std::to_string(parked->epoch) + " " + std::to_string(parked->revision) + " " +
                std::to_string(parked->clients_in_transaction));
        } else if (const auto* list = std::get_if<bus::ClientList>(&message)) {
            std::string line = "list " + std::to_string(list->revision);
            for (const bus::Connection& one : list->connections)
                line += " " + std::to_string(one.client.port) + ">" + std::to_string(one.server.port);
            say(line);
        } else if (const auto* topology = std::get_if<bus::Topology>(&message)) {
            say("membership " + text_of(*topology));
        }
    }
    void on_gone(ipc::ClientId client, const std::string& /*reason*/) override {
        const std::lock_guard lock(mutex_);
        say("gone " + names_[client.value]);
    }

    void obey(const std::string& line) {
        std::istringstream words(line);
        std::string verb;
        words >> verb;
        if (verb == "lease") return tell_lease(words);
        bus::Topology topology = read_topology(words);
        if (verb == "pages") {
            tell_in_pages(topology);
        } else {
            static_cast<void>(hub_.broadcast(topology));
        }
        const std::lock_guard lock(mutex_);
        if (verb != "older") topology_ = std::move(topology);
    }

private:
    void tell_in_pages(const bus::Topology& whole) {
        bus::Topology page = whole;
        page.page.count = static_cast<std::uint16_t>(whole.nodes.size());
        for (const bus::Node& node : whole.nodes) {
            page.nodes = {node};
            static_cast<void>(hub_.broadcast(page));
            ++page.page.index;
        }
    }
    void tell_lease(std::istringstream& words) {
        bus::LeaseView lease;
        std::int64_t left = 0;
        words >> lease.epoch >> lease.holder >> left;
        lease.holder_name = "m" + std::to_string(lease.holder);
        lease.deadline_ns = boot_nanoseconds() + left * 1'000'000;
        static_cast<void>(hub_.broadcast(lease));
    }

    std::mutex mutex_;  // guards the two below
    std::optional<bus::Topology> topology_;
    std::map<std::uint64_t, std::string> names_;
    ipc::Hub hub_;
};

void become(uid_t uid, gid_t gid) {
    if (::setgroups(0, nullptr) == 0 && ::setresgid(gid, gid, gid) == 0 && ::setresuid(uid, uid, uid) == 0)
        return;
    std::perror("cannot become another user");
    std::exit(2);
}

}  // namespace

int main(int count, char** values) {
    if (count != 2 && count != 4) return 2;
    std::optional<gid_t> group;
    if (count == 4) {
        group = static_cast<gid_t>(std::stoul(values[3]));
        become(static_cast<uid_t>(std::stoul(values[2])), *group);
    }
    try {
        FakeHub hub(values[1], group);
        say("ready");
        for (std::string line; std::getline(std::cin, line);) hub.obey(line);
    } catch (const std::exception& error) {
        say(std::string("failed ") + error.what());
        return 1;
    }
    return 0;
}
