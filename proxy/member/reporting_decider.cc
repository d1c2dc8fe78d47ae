// SPDX-License-Identifier: PostgreSQL
#include "proxy/member/reporting_decider.h"

namespace pgpool::member {

void ReportingDecider::report(NodeId node, std::uint64_t seen_epoch, cluster::Sign sign, std::string reason) {
    tell_(node, seen_epoch, sign, reason);
    keeper_.report(node, seen_epoch, sign, std::move(reason));
}

void ReportingDecider::attach(std::string name, cluster::Proof proof, Done done) {
    keeper_.attach(std::move(name), proof, std::move(done));
}

void ReportingDecider::detach(std::string name, std::string reason, Done done) {
    keeper_.detach(std::move(name), std::move(reason), std::move(done));
}

}  // namespace pgpool::member
