// SPDX-License-Identifier: PostgreSQL
#pragma once

// libqb keeps a folder with a file of 24 bytes in /dev/shm for each connection. Whoever of hub and client
// lives longer removes it; where both were killed it stays.

#include <cstddef>
#include <string>

namespace pgpool::ipc {

// Removes the folders of hubs of this name that do not live any more, as far as permissions allow. How many.
std::size_t remove_leftovers(const std::string& service);

}  // namespace pgpool::ipc
