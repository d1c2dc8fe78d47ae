// SPDX-License-Identifier: PostgreSQL
#include "common/ipc/member_bus.h"

#include <fmt/core.h>
#include <grp.h>
#include <unistd.h>

#include <array>

#include "common/ipc/frame.h"

namespace pgpool::ipc {

namespace {

Result<gid_t> group_id(const std::string& name) {
    std::array<char, 16 * 1024> text{};
    group entry{};
    group* found = nullptr;
    if (::getgrnam_r(name.c_str(), &entry, text.data(), text.size(), &found) == 0 && found != nullptr)
        return found->gr_gid;
    return tl::unexpected(Error{fmt::format("watchdog.group: there is no group \"{}\"", name),
                                sqlstate::kConfigFileError, "make it: systemd-sysusers"});
}

}  // namespace

std::string member_name(const config::Watchdog& watchdog) {
    if (!watchdog.name.empty()) return watchdog.name;
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0) return {};
    return host.data();
}

Result<MemberBus> bus_of(const config::Watchdog& watchdog) {
    auto service = service_name(member_name(watchdog));
    if (!service) return tl::unexpected(service.error().within("watchdog.name"));
    const auto group = group_id(watchdog.group);
    if (!group) return tl::unexpected(group.error());
    return MemberBus{*std::move(service), Trust::of_this_process(*group)};
}

}  // namespace pgpool::ipc
