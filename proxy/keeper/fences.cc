// SPDX-License-Identifier: PostgreSQL
#include "proxy/keeper/fences.h"

#include <sys/random.h>

#include <cerrno>
#include <system_error>

namespace pgpool::keeper {

cluster::Fence Fences::draw() {
    cluster::Fence fence;
    if (::getrandom(&fence, sizeof fence, 0) !=
        static_cast<ssize_t>(sizeof fence))  // so few bytes come at once
        throw std::system_error(errno, std::generic_category(), "getrandom");
    tokens_.push_back(fence.token);
    return fence;
}

}  // namespace pgpool::keeper
