// SPDX-License-Identifier: PostgreSQL
#include "common/ipc/leftovers.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "common/base/unique_fd.h"

namespace pgpool::ipc {

namespace {

constexpr const char* kFolder = "/dev/shm";

struct CloseDirectory {
    void operator()(DIR* directory) const { ::closedir(directory); }
};

std::vector<std::string> names_in(const char* path) {
    std::vector<std::string> names;
    const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(path));
    if (!directory) return names;
    while (const dirent* entry = ::readdir(directory.get()))
        names.emplace_back(entry->d_name);  // NOLINT: own DIR
    return names;
}

// qb-HUB-CLIENT-FD-XXXXXX
bool is_of_dead_hub(const std::string& name) {
    int hub = 0;
    int client = 0;
    return std::sscanf(name.c_str(), "qb-%d-%d-", &hub, &client) == 2 && hub > 0 && ::kill(hub, 0) != 0 &&
           errno == ESRCH;
}

}  // namespace

std::size_t remove_leftovers(const std::string& service) {
    const UniqueFd folder(::open(kFolder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const std::string control = "qb-control-" + service;
    std::size_t removed = 0;
    for (const std::string& name : names_in(kFolder)) {
        if (!is_of_dead_hub(name)) continue;
        // Not through a link that somebody may have put there.
        const UniqueFd inner(
            ::openat(folder.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!inner.valid() || ::unlinkat(inner.get(), control.c_str(), 0) != 0) continue;
        if (::unlinkat(folder.get(), name.c_str(), AT_REMOVEDIR) == 0) ++removed;
    }
    return removed;
}

}  // namespace pgpool::ipc
