// SPDX-License-Identifier: PostgreSQL
#include "vip/kernel/segment.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <vector>

#include "vip/packet/arp.h"
#include "vip/packet/ethernet.h"

namespace pgpool::vip {

namespace {

constexpr std::uint32_t kAccept = 0xffffffff;

// A program that accepts frames in which each field has its value (linux/filter.h, the classic machine).
class Filter {
public:
    // REQUIRES: size 1, 2 or 4.
    Filter& with(unsigned offset, unsigned size, std::uint32_t value) {
        const unsigned width = size == 1 ? BPF_B : size == 2 ? BPF_H : BPF_W;
        code_.push_back({static_cast<std::uint16_t>(BPF_LD | BPF_ABS | width), 0, 0, offset});
        code_.push_back({BPF_JMP | BPF_JEQ | BPF_K, 0, 0, value});
        return *this;
    }
    Filter& with_bytes(unsigned offset, ByteView bytes) {
        for (; !bytes.empty(); bytes.remove_prefix(4), offset += 4) with(offset, 4, load_be32(bytes.data()));
        return *this;
    }
    [[nodiscard]] std::vector<sock_filter> program() const {
        std::vector<sock_filter> code = code_;
        code.push_back({BPF_RET | BPF_K, 0, 0, kAccept});
        code.push_back({BPF_RET | BPF_K, 0, 0, 0});
        for (std::size_t i = 1; i < code_.size(); i += 2)  // unequal: to the last instruction
            code[i].jf = static_cast<std::uint8_t>(code.size() - 2 - i);
        return code;
    }

private:
    std::vector<sock_filter> code_;
};

// ARP of any kind whose sender has the address; or a neighbour advertisement for it. Offsets from the start
// of the frame.
Filter claims_of(const IpAddress& address) {
    if (!address.is_v6()) return Filter().with(12, 2, kEtherTypeArp).with_bytes(28, address.bytes());
    constexpr std::uint32_t kIcmpV6 = 58;
    constexpr std::uint32_t kAdvertisement = 136;
    return Filter()
        .with(12, 2, kEtherTypeIpv6)
        .with(20, 1, kIcmpV6)
        .with(54, 1, kAdvertisement)
        .with_bytes(62, address.bytes());
}

Forwards forwards_ipv6(const std::string& interface) {
    const std::string path = fmt::format("/proc/sys/net/ipv6/conf/{}/forwarding", interface);
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    char digit = '0';
    const bool is_read = file.valid() && ::read(file.get(), &digit, 1) == 1;
    return is_read && digit != '0' ? Forwards::Yes : Forwards::No;
}

// Filtered before it is bound, so that nothing else ever waits in it.
Result<void> prepare(int socket, const VirtualAddress& address) {
    std::vector<sock_filter> code = claims_of(address.address).program();
    const sock_fprog program{static_cast<std::uint16_t>(code.size()), code.data()};
    if (::setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0)
        return fail_errno("filter of a packet socket", errno);
    const int yes = 1;
    static_cast<void>(::setsockopt(socket, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof yes));
    sockaddr_ll place{};
    place.sll_family = AF_PACKET;
    place.sll_protocol = htons(address.address.is_v6() ? kEtherTypeIpv6 : kEtherTypeArp);
    place.sll_ifindex = static_cast<int>(if_nametoindex(address.interface.c_str()));
    if (place.sll_ifindex == 0) return fail_errno("interface " + address.interface, ENODEV);
    if (::bind(socket, reinterpret_cast<const sockaddr*>(&place), sizeof place) != 0)
        return fail_errno("packet socket on " + address.interface, errno);
    return {};
}

}  // namespace

Result<Segment> Segment::open(const VirtualAddress& address) {
    UniqueFd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.valid()) return fail_errno("packet socket", errno);
    if (const Result<void> prepared = prepare(socket.get(), address); !prepared)
        return tl::unexpected(prepared.error());
    return Segment(address.address, forwards_ipv6(address.interface), std::move(socket));
}

Result<void> Segment::transmit(ByteView frame) {
    if (::send(socket_.get(), frame.data(), frame.size(), MSG_DONTWAIT) < 0)
        return fail_errno("send to the network of " + address_.text(), errno);
    return {};
}

Result<void> Segment::probe(const MacAddress& own) {
    return transmit(address_.is_v6() ? nd_probe(own, address_) : arp_probe(own, address_));
}

Result<void> Segment::announce(const MacAddress& own) {
    if (address_.is_v6()) return transmit(nd_announcement(own, address_, forwards_));
    const Result<void> first = transmit(arp_announcement_request(own, address_));
    const Result<void> second = transmit(arp_announcement_reply(own, address_));
    return first ? second : first;
}

std::optional<MacAddress> Segment::next_claim(int& frames) {
    std::array<char, 2048> frame{};
    while (frames > 0) {
        const ssize_t got = ::recv(socket_.get(), frame.data(), frame.size(), MSG_DONTWAIT);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == ENETDOWN) continue;  // told once; the link monitor tells it, too
        if (got < 0) return std::nullopt;
        --frames;
        const ByteView bytes(frame.data(), static_cast<std::size_t>(got));
        if (!address_.is_v6()) {
            if (const auto claim = read_arp_claim(bytes); claim && claim->address == address_)
                return claim->by;
        } else if (const auto claim = read_nd_claim(bytes); claim && claim->address == address_) {
            return claim->by;
        }
    }
    return std::nullopt;
}

}  // namespace pgpool::vip
