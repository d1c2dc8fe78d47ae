// SPDX-License-Identifier: PostgreSQL

// Input: one message of the bus. Checked besides memory safety: an error names a field, and what is taken for
// a message is written again, reads back alike, and is not longer than it was.

#include <cstdint>

#include "common/base/error.h"
#include "common/bus/codec.h"
#include "common/bus/paging.h"

namespace {

namespace bus = pgpool::bus;
using pgpool::ByteView;

template <typename T>
void check_pages(const bus::Message& message) {
    const T* whole = std::get_if<T>(&message);
    if (whole == nullptr) return;
    bus::Assembler<T> assembler;
    for (const T& page : bus::pages_of(*whole)) {
        PGPOOL_ASSERT(bus::encode(page));
        const auto added = assembler.add(page);
        PGPOOL_ASSERT(added);
        if (*added) {
            T expected = *whole;
            expected.page = {};
            PGPOOL_ASSERT(**added == expected);
            return;
        }
    }
    PGPOOL_ASSERT(false);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const ByteView input(reinterpret_cast<const char*>(bytes), size);
    const auto decoded = bus::decode(input);
    if (!decoded) {
        PGPOOL_ASSERT(!decoded.error().message.empty());
        return 0;
    }
    const auto* message = std::get_if<bus::Message>(&*decoded);
    if (message == nullptr) return 0;
    const auto again = bus::encode(*message);
    PGPOOL_ASSERT(again && again->size() <= size);
    const auto twice = bus::decode(*again);
    PGPOOL_ASSERT(twice && std::get<bus::Message>(*twice) == *message);
    check_pages<bus::Topology>(*message);
    check_pages<bus::Answer>(*message);
    check_pages<bus::ClientList>(*message);
    return 0;
}
