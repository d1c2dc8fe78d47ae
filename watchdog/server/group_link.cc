// SPDX-License-Identifier: PostgreSQL
#include "watchdog/server/group_link.h"

#include <utility>

namespace pgpool::watchdog {

namespace {

// Of Corosync's closed process group; all members of one Corosync cluster are one appliance.
constexpr const char* kGroup = "pgpool";

class Alone final : public GroupLink {
public:
    explicit Alone(Inbox& inbox) : inbox_(inbox) {}
    void start() override { inbox_.insist(event::ViewChanged{{{}, {kSelf}}, kSelf}); }
    // It is the main thread that sends: no more than it reads.
    void send(std::string bytes) override { inbox_.insist(event::Delivered{kSelf, std::move(bytes)}); }

private:
    static constexpr group::Process kSelf{.node = 1, .pid = 1};
    Inbox& inbox_;
};

class ByCorosync final : public GroupLink {
public:
    explicit ByCorosync(Inbox& inbox)
        : deliveries_(inbox, [this](std::string reason) { members_.rejoin(std::move(reason)); }),
          members_(kGroup, deliveries_) {}
    void start() override { members_.start(); }
    void send(std::string bytes) override { members_.send(std::move(bytes)); }

private:
    Deliveries deliveries_;
    corosync::CorosyncMembers members_;
};

}  // namespace

Deliveries::Deliveries(Inbox& inbox, std::function<void(std::string reason)> rejoin)
    : inbox_(inbox), rejoin_(std::move(rejoin)) {}

void Deliveries::view_changed(const group::View& view, group::Process self) {
    has_gap_ = false;
    inbox_.insist(event::ViewChanged{view, self});
}

void Deliveries::delivered(group::Process from, ByteView bytes) {
    if (has_gap_ || inbox_.push(event::Delivered{from, std::string(bytes)})) return;
    has_gap_ = true;
    rejoin_("messages were lost: this member does not keep up");
}

void Deliveries::quorum_changed(const corosync::Quorum& quorum) {
    inbox_.insist(event::QuorumChanged{quorum});
}

void Deliveries::lost(std::string_view reason) {
    inbox_.insist(event::GroupLost{std::string(reason)});
}

std::unique_ptr<GroupLink> group_of_one(Inbox& inbox) {
    return std::make_unique<Alone>(inbox);
}

std::unique_ptr<GroupLink> group_by_corosync(Inbox& inbox) {
    return std::make_unique<ByCorosync>(inbox);
}

}  // namespace pgpool::watchdog
