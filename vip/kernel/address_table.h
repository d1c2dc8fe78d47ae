// SPDX-License-Identifier: PostgreSQL
#pragma once

// AddressTable: the kernel's addresses of interfaces, by netlink: ours are put on with a lifetime and a tag.
//
// The tag is the address protocol (IFA_PROTO, kernel 5.18), which `ip -d address` shows, and for IPv4 also
// the label `eth0:vip`, for older kernels and for people. An IPv6 address is deprecated from the start
// (preferred lifetime 0): it serves, but is not chosen as the source of new connections of this host. An
// address brings no route along and is not checked by the kernel for duplicates, which takes a second: the
// probe has done that.
//
// Threads: one. No call waits for anything but the kernel's own work.

#include <vector>

#include "common/base/clock.h"
#include "vip/kernel/netlink.h"
#include "vip/packet/virtual_address.h"

namespace pgpool::vip {

// One that bears the tag.
struct OwnAddress {
    VirtualAddress where;
    seconds valid_for{0};  // what the kernel has left of its lifetime
};

class AddressTable {
public:
    [[nodiscard]] static Result<AddressTable> open();

    // Adds it, or begins its lifetime anew.
    [[nodiscard]] Result<void> put(const VirtualAddress& address, seconds lifetime);
    // It need not be there, nor its interface.
    [[nodiscard]] Result<void> remove(const VirtualAddress& address);
    [[nodiscard]] Result<std::vector<OwnAddress>> ours();
    // An error if the host has it from somebody else: put() would give that address a lifetime.
    [[nodiscard]] Result<void> check_unused(const IpAddress& address);

private:
    explicit AddressTable(NlSocketPtr socket) : socket_(std::move(socket)) {}

    NlSocketPtr socket_;
};

}  // namespace pgpool::vip
