// SPDX-License-Identifier: PostgreSQL
#include "common/page/layout.h"

#include <fstream>

namespace pgpool::page {

std::string boot_id() {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string text;
    std::getline(file, text);
    return text.size() == Layout::kBootIdSize ? text : std::string();
}

}  // namespace pgpool::page
