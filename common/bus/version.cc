// SPDX-License-Identifier: PostgreSQL
#include "common/bus/version.h"

#include <fmt/core.h>

namespace pgpool::bus {

namespace {
bool are_neighbours(std::uint16_t a, std::uint16_t b) {
    return a <= b + 1 && b <= a + 1;
}
}  // namespace

Result<void> check_version(Version ours, Version theirs, std::string_view peer) {
    if (ours.major == theirs.major && are_neighbours(ours.minor, theirs.minor)) return {};
    const char* why = ours.major == theirs.major ? "they may differ by one in the second number"
                                                 : "they must be equal in the first number";
    tl::unexpected<Error> error =
        fail(sqlstate::kProtocolViolation,
             fmt::format("{} speaks version {}.{} of the bus, this program {}.{}: {}", peer, theirs.major,
                         theirs.minor, ours.major, ours.minor, why));
    error.value().hint = fmt::format("Restart {} with the same release of the appliance.",
                                     ours > theirs ? peer : std::string_view("this program"));
    return error;
}

}  // namespace pgpool::bus
