// SPDX-License-Identifier: PostgreSQL
#include "watchdog/lease/votes.h"

#include <numeric>

namespace pgpool::lease {

Votes::Votes(std::size_t members, std::size_t nodes, Witness witness)
    : members_(members), nodes_(nodes), weights_(members + nodes + (witness == Witness::Present ? 1 : 0), 1) {
    if (total() % 2 == 0 && nodes > 0) ++weights_[members];
    quorum_ = total() / 2 + 1;
}

VoterKind Votes::kind(VoterId voter) const {
    if (voter.value < members_) return VoterKind::Member;
    return voter.value < members_ + nodes_ ? VoterKind::Node : VoterKind::Witness;
}

int Votes::total() const {
    return std::accumulate(weights_.begin(), weights_.end(), 0);
}

}  // namespace pgpool::lease
