// SPDX-License-Identifier: PostgreSQL
#include "vip/packet/virtual_address.h"

#include <fmt/core.h>

#include <algorithm>

namespace pgpool::vip {

namespace {

// As the kernel allows (dev_valid_name).
bool is_interface_name(std::string_view name) {
    const bool has_bad_character = std::any_of(name.begin(), name.end(), [](char c) {
        return c == '/' || c == ':' || c == ' ' || static_cast<unsigned char>(c) < 0x20;
    });
    return !name.empty() && name.size() <= 15 && name != "." && name != ".." && !has_bad_character;
}

}  // namespace

Result<VirtualAddress> VirtualAddress::make(std::string_view address, std::string_view interface) {
    const std::size_t slash = address.find('/');
    const Result<IpAddress> parsed = IpAddress::parse(address.substr(0, slash));
    if (!parsed) return tl::unexpected(parsed.error());
    if (slash != std::string_view::npos &&
        address.substr(slash + 1) != std::to_string(parsed->prefix_length()))
        return fail(sqlstate::kConfigFileError, fmt::format("\"{}\": a virtual address has no prefix but /{}",
                                                            address, parsed->prefix_length()));
    if (!parsed->is_unicast())
        return fail(sqlstate::kConfigFileError, fmt::format("\"{}\" is no address of a host", address));
    if (!is_interface_name(interface))
        return fail(sqlstate::kConfigFileError, fmt::format("\"{}\" is no name of an interface", interface));
    return VirtualAddress{*parsed, std::string(interface)};
}

std::string VirtualAddress::text() const {
    return fmt::format("{}/{}@{}", address.text(), address.prefix_length(), interface);
}

Result<std::vector<VirtualAddress>> virtual_addresses(const config::Vip& vip) {
    std::vector<VirtualAddress> found;
    for (std::size_t i = 0; i < vip.addresses.size(); ++i) {
        Result<VirtualAddress> made =
            VirtualAddress::make(vip.addresses[i].address, vip.addresses[i].interface);
        if (!made) return tl::unexpected(made.error().within(fmt::format("vip.addresses[{}]", i)));
        found.push_back(std::move(*made));
    }
    return found;
}

}  // namespace pgpool::vip
