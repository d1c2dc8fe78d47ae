// SPDX-License-Identifier: PostgreSQL
#include "watchdog/decider/plan.h"

#include <algorithm>

#include "watchdog/nodes/conninfo.h"

namespace pgpool::decider {

namespace {

using decide::Action;

class Planner {
public:
    Planner(const decide::ClusterState& state, const std::vector<decide::NodeSight>& sights,
            const Probes& probes, const Site& site, TimePoint now)
        : state_(state),
          sights_(sights),
          probes_(probes),
          site_(site),
          primary_(site.place_of(state.primary)),
          target_(site.place_of(state.target)),
          work_(now) {}

    Work plan(decide::ActionSet actions) {
        if (actions.has(Action::CutStandbys)) cut_standbys();
        if (actions.has(Action::Measure)) measure();
        if (actions.has(Action::Checkpoint)) prove();
        if (actions.has(Action::Checkpoint) || actions.has(Action::Park))
            work_.await({.kind = Goal::Kind::Told});
        if (actions.has(Action::StopPrimary) && is_known(primary_)) work_.add(primary_, nodes::stop_writes());
        if (actions.has(Action::AwaitEqual) && is_known(primary_) && is_known(target_)) await_equal();
        if (actions.has(Action::Promote) && is_known(target_)) promote();
        if (actions.has(Action::StartPrimary) && is_known(primary_)) {
            work_.add(primary_, nodes::take_writes(state_.sync));
            work_.await({.kind = Goal::Kind::Writing, .node = primary_});
        }
        if (actions.has(Action::Repoint)) repoint();
        return std::move(work_);
    }

private:
    [[nodiscard]] bool is_known(std::size_t node) {
        if (node < site_.nodes.size()) return true;
        work_.fail("the node is not in the configuration");
        return false;
    }

    // Also those that were not seen lately: an order may reach them. In a switchover they may stay away:
    // whoever gets more than the target will have diverged, and goes out of service.
    void cut_standbys() {
        for (std::size_t i = 0; i < site_.nodes.size(); ++i) {
            const nodes::NodeFacts* facts = facts_of(probes_, i);
            if (i == primary_ || !may_be_promoted(site_.nodes[i].name)) continue;
            if (facts != nullptr && !facts->is_standby) continue;
            if (state_.is_planned && (feeds_target(i) || !sights_[i].is_reached)) continue;
            work_.add(i, nodes::cut_off());
            work_.await({.kind = Goal::Kind::CutOff, .node = i});
        }
    }

    // The operator may vouch for one that is out of service.
    [[nodiscard]] bool may_be_promoted(const std::string& node) const {
        return state_.is_in_service(node) || (state_.wish.may_lose_data && state_.wish.target == node);
    }

    // Before clients are made to wait: a node that has just come back may have no lease session yet.
    void prove() {
        for (const std::size_t node : {primary_, target_}) {
            if (is_known(node)) work_.add(node, nodes::prove());
        }
    }

    // It gets the last of the primary's WAL, itself or through whom it follows.
    [[nodiscard]] bool feeds_target(std::size_t node) const {
        const bool has_target = target_ < sights_.size();
        return node == target_ || (has_target && sights_[target_].upstream == site_.nodes[node].name);
    }

    void await_equal() {
        work_.await({.kind = Goal::Kind::Equal, .node = target_, .other = primary_});
        for (std::size_t i = 0; i < sights_.size(); ++i) {
            const bool counts = i != target_ && state_.is_in_service(sights_[i].name);
            if (counts && sights_[i].is_cut_off)
                work_.await({.kind = Goal::Kind::NotBehind, .node = target_, .other = i});
        }
    }

    // What once stopped it as a primary is in its configuration still, and would stop it again.
    void promote() {
        const nodes::NodeFacts* facts = facts_of(probes_, target_);
        if (facts != nullptr && facts->sync_names == nodes::kStoppedSync)
            work_.add(target_, nodes::take_writes({}));
        // By this every decider tells whom a decider has promoted (decide::successor).
        if (state_.is_planned) work_.add(target_, nodes::cut_off());
        work_.add(target_, nodes::promote());
        work_.await({.kind = Goal::Kind::Promoted, .node = target_});
    }

    void measure() {
        for (const decide::NodeSight& sight : sights_) {
            if (sight.name != state_.primary && sight.is_reached)
                work_.await({.kind = Goal::Kind::Probed, .node = site_.place_of(sight.name)});
        }
        if (work_.state(probes_) == Work::State::None) work_.fail("no standby is reached");
    }

    void repoint() {
        std::vector<decide::NodeSight> sights = sights_;
        for (decide::NodeSight& sight : sights) sight.is_in_service = state_.is_in_service(sight.name);
        for (const decide::Follow& follow : decide::plan_follow(sights, state_.primary, state_.lineage))
            make_follow(site_.place_of(follow.node), site_.place_of(follow.upstream));
        // Nobody has to follow: that is done as soon as it was looked at.
        if (work_.state(probes_) == Work::State::None && is_known(primary_))
            work_.await({.kind = Goal::Kind::Probed, .node = primary_});
    }

    // By which it followed last, as far as anybody knows.
    [[nodiscard]] std::string conninfo_of(std::size_t standby) const {
        const auto seen = site_.conninfos.find(standby);
        if (seen != site_.conninfos.end()) return seen->second;
        const decide::NodeRecord* record = state_.find(site_.nodes[standby].name);
        return record != nullptr ? record->conninfo : "";
    }

    void make_follow(std::size_t standby, std::size_t upstream) {
        if (!is_known(standby) || !is_known(upstream)) return;
        const nodes::NodeFacts* facts = facts_of(probes_, standby);
        if (facts != nullptr && !facts->slot.empty()) work_.add(upstream, nodes::keep_slot(facts->slot));
        const std::string conninfo = nodes::follow_conninfo(conninfo_of(standby), site_.nodes[upstream],
                                                            site_.nodes[standby].name, site_.login);
        work_.add(standby, nodes::follow(conninfo));
        work_.await({.kind = Goal::Kind::Following, .node = standby, .conninfo = conninfo});
    }

    const decide::ClusterState& state_;
    const std::vector<decide::NodeSight>& sights_;
    const Probes& probes_;
    const Site& site_;
    const std::size_t primary_;
    const std::size_t target_;
    Work work_;
};

}  // namespace

std::size_t Site::place_of(const std::string& name) const {
    return static_cast<std::size_t>(std::ranges::find(nodes, name, &config::Node::name) - nodes.begin());
}

Work plan_work(decide::ActionSet actions, const decide::ClusterState& state,
               const std::vector<decide::NodeSight>& sights, const Probes& probes, const Site& site,
               TimePoint now) {
    return Planner(state, sights, probes, site, now).plan(actions);
}

}  // namespace pgpool::decider
