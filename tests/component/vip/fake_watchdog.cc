// SPDX-License-Identifier: PostgreSQL
// The watchdog as pgpool-vip sees it: a hub of the bus and the writer of the lease's page, led by lines on
// standard input, telling on standard output what it hears, a JSON object per line.
//
// usage: fake_watchdog NAME GROUP RUNTIME_DIRECTORY
//
//   page none|held|releasing EPOCH MS   publishes a lease that ends in so many milliseconds
//   renew EPOCH                         does so four times a second, as a lease of 1584 ms, until the next
//   page order take|take-released|release ID EPOCH clients [OWN CLIENT]...             the list of
//   clients: 10.0.0.100:5432 10.0.0.9:40000
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <iostream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>

#include "common/bus/paging.h"
#include "common/ipc/hub.h"
#include "common/ipc/member_bus.h"
#include "common/page/boot_now.h"
#include "common/page/lease_page_writer.h"
#include "common/page/page_path.h"
#include "vip/packet/ip_address.h"

namespace pgpool {
namespace {

using Json = nlohmann::ordered_json;

constexpr milliseconds kLease{1584};
constexpr milliseconds kRenewal{250};

void print(const Json& json) {
    std::puts(json.dump().c_str());
    std::fflush(stdout);
}

bus::Endpoint endpoint(const std::string& text) {
    const auto parsed = vip::Endpoint::parse(text);
    if (!parsed) throw std::runtime_error(parsed.error().message);
    bus::Endpoint told{.family = parsed->address.is_v6() ? bus::Family::V6 : bus::Family::V4,
                       .port = parsed->port};
    const ByteView bytes = parsed->address.bytes();
    std::copy(bytes.begin(), bytes.end(), told.address.begin());
    return told;
}

class FakeWatchdog final : public ipc::HubHandler {
public:
    FakeWatchdog(const config::Watchdog& watchdog, const ipc::MemberBus& bus, page::LeasePageWriter page)
        : page_(std::move(page)),
          hub_({.service = bus.service,
                .trust = bus.trust,
                .welcome = {.program = "pgpool-watchdog",
                            .member = watchdog.name,
                            .pid = static_cast<std::uint32_t>(::getpid())},
                .limits = {}},
               *this) {
        hub_.start();
    }

    void on_client(const ipc::ClientInfo& client) override {
        print({{"event", "client"}, {"program", client.hello.program}, {"uid", client.credentials.uid}});
    }
    void on_gone(ipc::ClientId, const std::string&) override { print({{"event", "gone"}}); }

    void on_message(ipc::ClientId, bus::Message message) override {
        if (const auto* state = std::get_if<bus::VipState>(&message)) {
            static constexpr const char* kPhases[] = {"unknown", "absent",    "probing",
                                                      "held",    "releasing", "conflict"};
            print({{"event", kPhases[static_cast<int>(state->phase)]},
                   {"address", state->address},
                   {"interface", state->device},
                   {"epoch", state->epoch},
                   {"reason", state->reason}});
        }
        if (const auto* done = std::get_if<bus::VipDone>(&message)) {
            print({{"event", done->outcome == bus::Outcome::Done ? "done" : "failed"},
                   {"id", done->id},
                   {"reason", done->reason},
                   {"after_ms", since(done->id)}});
        }
    }

    void run() {
        std::string line;
        while (true) {
            pollfd watched{STDIN_FILENO, POLLIN, 0};
            const int ready = ::poll(&watched, 1, renewed_ ? int{kRenewal.count()} : -1);
            if (renewed_) publish(page::LeaseState::Held, *renewed_, kLease);
            if (ready == 0) continue;
            if (!std::getline(std::cin, line)) return;
            std::istringstream words(line);
            obey(words);
        }
    }

private:
    void obey(std::istringstream& words) {
        std::string command;
        words >> command;
        if (command == "page") {
            std::string state;
            std::uint64_t epoch = 0;
            int length = 0;
            words >> state >> epoch >> length;
            renewed_.reset();
            publish(state == "held"        ? page::LeaseState::Held
                    : state == "releasing" ? page::LeaseState::Releasing
                                           : page::LeaseState::None,
                    epoch, milliseconds(length));
        } else if (command == "renew") {
            std::uint64_t epoch = 0;
            words >> epoch;
            renewed_ = epoch;
            publish(page::LeaseState::Held, epoch, kLease);
        } else if (command == "order") {
            order(words);
        } else if (command == "clients") {
            send_clients(words);
        }
        print({{"event", "obeyed"}, {"command", command}});
    }

    void publish(page::LeaseState state, std::uint64_t epoch, milliseconds length) {
        const BootTime deadline = page::boot_now() + length;
        page_.publish({.state = state, .epoch = Epoch(epoch), .deadline = deadline, .writer = {}});
    }

    void order(std::istringstream& words) {
        std::string verb;
        bus::VipOrder order;
        words >> verb >> order.id >> order.epoch;
        order.verb = verb == "release"         ? bus::VipVerb::Release
                     : verb == "take-released" ? bus::VipVerb::TakeReleased
                                               : bus::VipVerb::Take;
        {
            const std::lock_guard lock(mutex_);
            sent_[order.id] = page::boot_now();
        }
        static_cast<void>(hub_.broadcast(order));
    }

    void send_clients(std::istringstream& words) {
        bus::ClientList list{.revision = ++revision_};
        std::string own;
        std::string client;
        while (words >> own >> client) list.connections.push_back({endpoint(client), endpoint(own)});
        for (const bus::ClientList& page : bus::pages_of(list)) static_cast<void>(hub_.broadcast(page));
    }

    double since(std::uint64_t id) {
        const std::lock_guard lock(mutex_);
        return std::chrono::duration<double, std::milli>(page::boot_now() - sent_[id]).count();
    }

    page::LeasePageWriter page_;
    std::optional<std::uint64_t> renewed_;
    std::uint64_t revision_ = 0;
    std::mutex mutex_;  // guards sent_
    std::map<std::uint64_t, BootTime> sent_;
    ipc::Hub hub_;
};

int run(const std::string& name, const std::string& group, const std::string& directory) {
    config::Watchdog watchdog;
    watchdog.name = name;
    watchdog.group = group;
    const auto bus = ipc::bus_of(watchdog);
    if (!bus) throw std::runtime_error(bus.error().message);
    auto page = page::LeasePageWriter::open(page::page_path(directory), bus->trust.group);
    if (!page) throw std::runtime_error(page.error().message);
    FakeWatchdog fake(watchdog, *bus, std::move(*page));
    print({{"event", "ready"}});
    fake.run();
    return 0;
}

}  // namespace
}  // namespace pgpool

int main(int argc, char** argv) {
    try {
        return argc == 4 ? pgpool::run(argv[1], argv[2], argv[3]) : 2;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "fake_watchdog: %s\n", error.what());
        return 1;
    }
}
