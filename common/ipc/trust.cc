// SPDX-License-Identifier: PostgreSQL
#include "common/ipc/trust.h"

#include <fmt/core.h>
#include <unistd.h>

namespace pgpool::ipc {

bool Trust::admits(const Credentials& who) const {
    return who.uid == 0 || who.uid == own || (group && *group != 0 && who.gid == *group);
}

Trust Trust::of_this_process(std::optional<gid_t> group) {
    return {.own = ::getuid(), .group = group};
}

std::string to_string(const Credentials& who) {
    return fmt::format("pid {}, uid {}, gid {}", who.pid, who.uid, who.gid);
}

}  // namespace pgpool::ipc
