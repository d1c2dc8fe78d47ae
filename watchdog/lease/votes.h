// SPDX-License-Identifier: PostgreSQL
#pragma once

// Votes: who has a say in the lease, and how much.
//
// Invariant: two sets of voters that both weigh at least quorum() have a voter in common. That, and nothing
// else, is why two holders cannot be. It holds because the weights never change while the configuration
// lives: weights that followed the primary would let {a member, the old primary} and {the other, the new one}
// both have a majority.

#include <cstdint>
#include <vector>

#include "common/base/ids.h"

namespace pgpool::lease {

// Index of a voter: members first, then nodes, then the witness.
using VoterId = StrongId<struct VoterIdTag, std::uint16_t>;

enum class VoterKind : std::uint8_t { Member, Node, Witness };

class Votes {
public:
    enum class Witness : std::uint8_t { None, Present };

    // Each voter has one vote; if the sum is even, the first node has two, so that no half is as good as the
    // other.
    Votes(std::size_t members, std::size_t nodes, Witness witness);

    [[nodiscard]] std::size_t size() const { return weights_.size(); }
    [[nodiscard]] int weight(VoterId voter) const { return weights_[voter.value]; }
    [[nodiscard]] VoterKind kind(VoterId voter) const;
    [[nodiscard]] int total() const;
    [[nodiscard]] int quorum() const { return quorum_; }

private:
    std::size_t members_;
    std::size_t nodes_;
    std::vector<int> weights_;
    int quorum_ = 0;
};

}  // namespace pgpool::lease
