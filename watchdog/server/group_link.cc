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
    void start() override { inbox_.push(event::ViewChanged{{{}, {kSelf}}, kSelf}); }
    void send(std::string bytes) override { inbox_.push(event::Delivered{kSelf, std::move(bytes)}); }

private:
    static constexpr group::Process kSelf{.node = 1, .pid = 1};
    Inbox& inbox_;
};

class ByCorosync final : public GroupLink, private corosync::MembersListener {
public:
    explicit ByCorosync(Inbox& inbox) : inbox_(inbox), members_(kGroup, *this) {}
    void start() override { members_.start(); }
    void send(std::string bytes) override { members_.send(std::move(bytes)); }

private:
    void view_changed(const group::View& view, group::Process self) override {
        inbox_.push(event::ViewChanged{view, self});
    }
    void delivered(group::Process from, ByteView bytes) override {
        inbox_.push(event::Delivered{from, std::string(bytes)});
    }
    void quorum_changed(const corosync::Quorum& quorum) override {
        inbox_.push(event::QuorumChanged{quorum});
    }
    void lost(std::string_view reason) override { inbox_.push(event::GroupLost{std::string(reason)}); }

    Inbox& inbox_;
    corosync::CorosyncMembers members_;
};

}  // namespace

std::unique_ptr<GroupLink> group_of_one(Inbox& inbox) {
    return std::make_unique<Alone>(inbox);
}

std::unique_ptr<GroupLink> group_by_corosync(Inbox& inbox) {
    return std::make_unique<ByCorosync>(inbox);
}

}  // namespace pgpool::watchdog
