// SPDX-License-Identifier: PostgreSQL
#include "proxy/keeper/sequence_positions.h"

namespace pgpool::keeper {

namespace {

bool is_behind(const SequencePosition& main, const SequencePosition& other) {
    if (!main.last || main.falls != other.falls) return false;
    if (!other.last) return true;
    return main.falls ? *other.last > *main.last : *other.last < *main.last;
}

}  // namespace

std::vector<std::string> sequences_behind(const SequencePositions& main, const SequencePositions& other) {
    std::vector<std::string> behind;
    for (const auto& [name, position] : main) {
        const auto known = other.find(name);
        if (known != other.end() && is_behind(position, known->second)) behind.push_back(name);
    }
    return behind;
}

}  // namespace pgpool::keeper
