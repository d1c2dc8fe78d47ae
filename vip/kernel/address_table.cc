// SPDX-License-Identifier: PostgreSQL
#include "vip/kernel/address_table.h"

#include <fmt/core.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <netlink/route/addr.h>
#include <netlink/route/rtnl.h>

#include <array>
#include <optional>

namespace pgpool::vip {

namespace {

using RtnlAddressPtr = std::unique_ptr<rtnl_addr, Freed<&rtnl_addr_put>>;
using NlAddressPtr = std::unique_ptr<nl_addr, Freed<&nl_addr_put>>;

// Numbers up to 3 are the kernel's; the rest is free for programs, and this one is nobody's known to us.
constexpr std::uint8_t kProtocol = 213;
constexpr std::string_view kLabelSuffix = ":vip";

RtnlAddressPtr describe(const VirtualAddress& address, unsigned index) {
    const ByteView bytes = address.address.bytes();
    const int family = address.address.is_v6() ? AF_INET6 : AF_INET;
    const NlAddressPtr local(nl_addr_build(family, bytes.data(), bytes.size()));
    RtnlAddressPtr described(rtnl_addr_alloc());
    if (!local || !described || rtnl_addr_set_local(described.get(), local.get()) < 0) return nullptr;
    rtnl_addr_set_prefixlen(described.get(), address.address.prefix_length());
    rtnl_addr_set_ifindex(described.get(), static_cast<int>(index));
    return described;
}

void set_lifetime(rtnl_addr* described, const VirtualAddress& address, seconds lifetime) {
    const auto valid = static_cast<std::uint32_t>(lifetime.count());
    rtnl_addr_set_valid_lifetime(described, valid);
    rtnl_addr_set_preferred_lifetime(described, address.address.is_v6() ? 0 : valid);
    rtnl_addr_set_flags(described, IFA_F_NOPREFIXROUTE | (address.address.is_v6() ? IFA_F_NODAD : 0U));
    rtnl_addr_set_scope(described, RT_SCOPE_UNIVERSE);
    const std::string label = address.interface + std::string(kLabelSuffix);
    if (!address.address.is_v6() && label.size() < IFNAMSIZ) rtnl_addr_set_label(described, label.c_str());
}

bool is_ours(const std::array<nlattr*, IFA_MAX + 1>& attributes) {
    if (attributes[IFA_PROTO] != nullptr) return nla_get_u8(attributes[IFA_PROTO]) == kProtocol;
    return attributes[IFA_LABEL] != nullptr &&
           std::string_view(nla_get_string(attributes[IFA_LABEL])).ends_with(kLabelSuffix);
}

struct Listed {
    OwnAddress address;
    bool is_ours = false;
};

std::optional<Listed> read_address(nlmsghdr* message) {
    std::array<nlattr*, IFA_MAX + 1> attributes{};
    if (nlmsg_parse(message, sizeof(ifaddrmsg), attributes.data(), IFA_MAX, nullptr) < 0) return std::nullopt;
    const auto* head = static_cast<const ifaddrmsg*>(nlmsg_data(message));
    const nlattr* address = attributes[attributes[IFA_LOCAL] != nullptr ? IFA_LOCAL : IFA_ADDRESS];
    if (address == nullptr || (head->ifa_family != AF_INET && head->ifa_family != AF_INET6))
        return std::nullopt;
    std::array<char, IFNAMSIZ> name{};
    if (if_indextoname(head->ifa_index, name.data()) == nullptr) return std::nullopt;
    const ByteView bytes(static_cast<const char*>(nla_data(address)),
                         static_cast<std::size_t>(nla_len(address)));
    Listed found{{{IpAddress::from_bytes(bytes), name.data()}}, is_ours(attributes)};
    if (attributes[IFA_CACHEINFO] != nullptr)
        found.address.valid_for =
            seconds(static_cast<const ifa_cacheinfo*>(nla_data(attributes[IFA_CACHEINFO]))->ifa_valid);
    return found;
}

NlMessagePtr request_for_all() {
    NlMessagePtr request(nlmsg_alloc_simple(RTM_GETADDR, NLM_F_DUMP));
    ifaddrmsg any{};
    if (request && nlmsg_append(request.get(), &any, sizeof any, NLMSG_ALIGNTO) < 0) return nullptr;
    return request;
}

// Anew if addresses have changed meanwhile, which a host with many of them may do again and again.
Result<std::vector<Listed>> list(nl_sock* socket) {
    constexpr int kTries = 5;
    std::vector<Listed> found;
    int error = -NLE_DUMP_INTR;
    for (int tries = 0; error == -NLE_DUMP_INTR && tries < kTries; ++tries) {
        NlMessagePtr request = request_for_all();
        if (!request) return fail_netlink("list addresses", -NLE_NOMEM);
        found.clear();
        error = send_and_visit(socket, std::move(request), [&](nlmsghdr* message) {
            if (auto address = read_address(message)) found.push_back(std::move(*address));
        });
    }
    if (error < 0) return fail_netlink("list addresses", error);
    return found;
}

}  // namespace

Result<AddressTable> AddressTable::open() {
    auto socket = open_netlink(NETLINK_ROUTE);
    if (!socket) return tl::unexpected(socket.error());
    return AddressTable(std::move(*socket));
}

Result<void> AddressTable::put(const VirtualAddress& address, seconds lifetime) {
    const std::string what = "put " + address.text();
    const unsigned index = if_nametoindex(address.interface.c_str());
    if (index == 0) return fail_errno(what, ENODEV);
    const RtnlAddressPtr described = describe(address, index);
    if (!described) return fail_netlink(what, -NLE_NOMEM);
    set_lifetime(described.get(), address, lifetime);
    nl_msg* message = nullptr;
    if (const int error =
            rtnl_addr_build_add_request(described.get(), NLM_F_CREATE | NLM_F_REPLACE, &message);
        error < 0)
        return fail_netlink(what, error);
    NlMessagePtr owned(message);
    // libnl 3.7 does not know this attribute.
    if (nla_put_u8(message, IFA_PROTO, kProtocol) < 0) return fail_netlink(what, -NLE_NOMEM);
    const int error = send_and_confirm(socket_.get(), std::move(owned));
    if (error < 0) return fail_netlink(what, error);
    return {};
}

Result<void> AddressTable::remove(const VirtualAddress& address) {
    const unsigned index = if_nametoindex(address.interface.c_str());
    if (index == 0) return {};
    const RtnlAddressPtr described = describe(address, index);
    if (!described) return fail_netlink("remove " + address.text(), -NLE_NOMEM);
    const int error = rtnl_addr_delete(socket_.get(), described.get(), 0);
    const bool is_gone = error == -NLE_NOADDR || error == -NLE_NODEV || error == -NLE_OBJ_NOTFOUND;
    if (error < 0 && !is_gone) return fail_netlink("remove " + address.text(), error);
    return {};
}

Result<std::vector<OwnAddress>> AddressTable::ours() {
    const auto all = list(socket_.get());
    if (!all) return tl::unexpected(all.error());
    std::vector<OwnAddress> found;
    for (const Listed& listed : *all)
        if (listed.is_ours) found.push_back(listed.address);
    return found;
}

Result<void> AddressTable::check_unused(const IpAddress& address) {
    const auto all = list(socket_.get());
    if (!all) return tl::unexpected(all.error());
    for (const Listed& listed : *all)
        if (listed.address.where.address == address && !listed.is_ours)
            return fail(sqlstate::kSystemError, fmt::format("{} is on {} already, put there by somebody else",
                                                            address.text(), listed.address.where.interface));
    return {};
}

}  // namespace pgpool::vip
