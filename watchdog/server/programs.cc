// SPDX-License-Identifier: PostgreSQL
#include "watchdog/server/programs.h"

#include <fmt/core.h>

#include <utility>

#include "common/obs/log.h"

namespace pgpool::watchdog {

// On the hub's thread.
class Programs::Handler final : public ipc::HubHandler {
public:
    explicit Handler(Inbox& inbox) : inbox_(inbox) {}
    void use(ipc::Hub& hub) { hub_ = &hub; }

    void on_client(const ipc::ClientInfo& client) override {
        if (!inbox_.push(event::ClientCame{client}))
            return hub_->disconnect(client.id, "the watchdog does not keep up");
        quotas_.emplace(client.id, Quota(kUnread));
        refused_.erase(client.hello.program);
    }
    void on_message(ipc::ClientId client, bus::Message message) override {
        const auto quota = quotas_.find(client);
        if (quota == quotas_.end()) return;
        Quota::Place place = quota->second.take();
        if (place && inbox_.push(event::ClientSaid{client, std::move(message), std::move(place)})) return;
        hub_->disconnect(client, fmt::format("it says more than is read: {} messages wait", kUnread));
    }
    void on_gone(ipc::ClientId client, const std::string& reason) override {
        if (quotas_.erase(client) > 0) inbox_.insist(event::ClientGone{client, reason});
    }
    // Once for each program, until one of its name is taken.
    void on_refused(const bus::Hello& hello, const std::string& reason) override {
        if (refused_.size() == kRefused || !refused_.insert(hello.program).second) return;
        log::warning("program_refused", {{"program", hello.program}, {"reason", reason}});
    }

private:
    static constexpr std::size_t kRefused = 16;

    Inbox& inbox_;
    ipc::Hub* hub_ = nullptr;
    std::set<std::string> refused_;
    std::map<ipc::ClientId, Quota> quotas_;  // of those that came
};

Programs::Programs(ipc::HubOptions options, Inbox& inbox)
    : handler_(std::make_unique<Handler>(inbox)),
      hub_(std::make_unique<ipc::Hub>(std::move(options), *handler_)) {
    handler_->use(*hub_);
    hub_->start();
}

Programs::~Programs() = default;

void Programs::came(const ipc::ClientInfo& info, WallTime now) {
    programs_[info.id] = {info, now};
    log::info("program_came", {{"program", info.hello.program}, {"pid", info.credentials.pid}});
    if (topology_ != bus::Topology{}) send_pages(info.id, topology_);
    send(info.id, view_);
}

void Programs::gone(ipc::ClientId client, const std::string& reason) {
    const auto found = programs_.find(client);
    if (found == programs_.end()) return;
    log::info("program_gone", {{"program", found->second.info.hello.program},
                               {"pid", found->second.info.credentials.pid},
                               {"reason", reason}});
    programs_.erase(found);
}

const Program* Programs::find(ipc::ClientId client) const {
    const auto found = programs_.find(client);
    return found != programs_.end() ? &found->second : nullptr;
}

std::vector<const Program*> Programs::all() const {
    std::vector<const Program*> all;
    for (const auto& [id, program] : programs_) all.push_back(&program);
    return all;
}

std::vector<ipc::ClientId> Programs::named(std::string_view program) const {
    std::vector<ipc::ClientId> found;
    for (const auto& [id, entry] : programs_) {
        if (entry.info.hello.program == program) found.push_back(id);
    }
    return found;
}

void Programs::publish(const bus::Topology& topology) {
    if (topology == topology_) return;
    topology_ = topology;
    for (const auto& [id, program] : programs_) send_pages(id, topology);
}

void Programs::publish(const bus::LeaseView& view) {
    if (view == view_) return;
    view_ = view;
    for (const auto& [id, program] : programs_) send(id, view);
}

void Programs::send_pages(ipc::ClientId client, const bus::Topology& topology) {
    for (const bus::Topology& page : bus::pages_of(topology)) send(client, page);
}

void Programs::send(ipc::ClientId client, const bus::Message& message) {
    if (const auto sent = hub_->send(client, message); !sent)
        log::error("message_not_sent", {{"reason", sent.error().message}});
}

void Programs::answer(ipc::ClientId client, std::uint64_t id, bool is_well, std::string json) {
    const bus::Answer whole{
        .id = id, .exit_code = static_cast<std::uint8_t>(is_well ? 0 : 1), .json = std::move(json)};
    for (const bus::Answer& page : bus::pages_of(whole)) send(client, page);
}

void Programs::send_to(std::string_view program, const bus::Message& message) {
    for (const ipc::ClientId client : named(program)) send(client, message);
}

void Programs::follow_log(ipc::ClientId client) {
    const auto found = programs_.find(client);
    if (found != programs_.end()) found->second.wants_log = true;
}

void Programs::log(const bus::Event& line) {
    for (const auto& [id, program] : programs_) {
        if (program.wants_log) send(id, line);
    }
}

}  // namespace pgpool::watchdog
