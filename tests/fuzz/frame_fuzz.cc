// SPDX-License-Identifier: PostgreSQL

// Input: a frame of the network. Checked besides memory safety: a claim that is read from it is read from a
// frame of ours that says the same.

#include "vip/packet/arp.h"
#include "vip/packet/ndp.h"

namespace vip = pgpool::vip;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const pgpool::ByteView frame(reinterpret_cast<const char*>(data), size);
    if (const auto claim = vip::read_arp_claim(frame)) {
        const auto again = vip::read_arp_claim(vip::arp_announcement_reply(claim->by, claim->address));
        PGPOOL_ASSERT(again && again->address == claim->address && again->by == claim->by);
    }
    if (const auto claim = vip::read_nd_claim(frame); claim && claim->address.is_v6()) {
        const auto again =
            vip::read_nd_claim(vip::nd_announcement(claim->by, claim->address, vip::Forwards::No));
        PGPOOL_ASSERT(again && again->address == claim->address && again->by == claim->by);
    }
    return 0;
}
