// SPDX-License-Identifier: PostgreSQL
#include "common/files/program.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <sstream>
#include <system_error>

namespace pgpool {

namespace {

constexpr mode_t kExecutable = S_IXUSR | S_IXGRP | S_IXOTH;

std::string why_not(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return std::generic_category().message(errno);
    if (!S_ISREG(status.st_mode)) return "it is no file";
    return (status.st_mode & kExecutable) == 0 ? "it is not executable" : "";
}

}  // namespace

std::string why_not_startable(const std::string& name) {
    if (name.find('/') != std::string::npos) return why_not(name);
    const char* path = std::getenv("PATH");
    std::istringstream folders(path != nullptr ? path : "/bin:/usr/bin");
    for (std::string folder; std::getline(folders, folder, ':');) {
        if (why_not(folder + "/" + name).empty()) return "";
    }
    return "it is not in PATH";
}

}  // namespace pgpool
