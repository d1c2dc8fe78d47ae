// SPDX-License-Identifier: PostgreSQL
#pragma once

// ReportingDecider: mode replication in an appliance: the keeper decides, and what the data plane saw is told
// to the watchdog as well. Threads: any.

#include <functional>
#include <string>
#include <utility>

#include "common/cluster/decider.h"

namespace pgpool::member {

class ReportingDecider final : public cluster::Decider {
public:
    using Tell =
        std::function<void(NodeId node, std::uint64_t epoch, cluster::Sign sign, const std::string& reason)>;

    ReportingDecider(cluster::Decider& keeper, Tell tell) : keeper_(keeper), tell_(std::move(tell)) {}

    void report(NodeId node, std::uint64_t seen_epoch, cluster::Sign sign, std::string reason) override;
    void mark_refused(std::uint64_t seen_epoch) override { keeper_.mark_refused(seen_epoch); }
    void prepared_left(std::uint64_t seen_epoch) override { keeper_.prepared_left(seen_epoch); }
    void attach(std::string name, cluster::Proof proof, Done done) override;
    void detach(std::string name, std::string reason, Done done) override;

private:
    cluster::Decider& keeper_;
    const Tell tell_;
};

}  // namespace pgpool::member
