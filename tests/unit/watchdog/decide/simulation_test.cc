// SPDX-License-Identifier: PostgreSQL
// Random faults in virtual time around the real decisions: nodes die, freeze and come back, links break,
// orders get lost, the decider dies at any moment, switchovers are asked for. Whatever happens: a commit that
// PostgreSQL has acknowledged is on whoever is made primary, no epoch sees two promotions, and when all is
// mended it comes to rest.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "watchdog/decide/failover.h"
#include "watchdog/decide/render.h"

namespace pgpool::decide {
namespace {

constexpr milliseconds kTick{100};

// A PostgreSQL server as far as replication goes. WAL positions count rows.
struct Server {
    std::string name;
    bool is_alive = true;
    bool is_frozen = false;
    bool is_primary = false;
    bool is_fenced = false;      // stopped by order: whoever starts it gets no primary
    bool was_published = false;  // clients may know it, and go on to write there
    Lineage lineage{1, {}};
    std::uint64_t flushed = 0;
    std::string upstream;
    SyncRule rule;  // synchronous_standby_names, on a primary
    [[nodiscard]] bool runs() const { return is_alive && !is_frozen; }
};

struct Acknowledged {
    std::uint32_t timeline = 0;
    std::uint64_t position = 0;
};

bool holds(const Server& server, std::uint32_t timeline, std::uint64_t position) {
    if (server.lineage.timeline == timeline) return server.flushed >= position;
    const Ancestor* ancestor = server.lineage.find(timeline);
    return ancestor != nullptr && ancestor->end.value >= position;
}

class Simulation {
public:
    explicit Simulation(unsigned seed) : random_(seed) {
        const std::size_t count = 3 + seed % 3;
        confirmations_ = 1 + seed / 3 % (count - 1);
        std::vector<std::string> names;
        for (std::size_t i = 0; i < count; ++i) names.emplace_back(1, static_cast<char>('a' + i));
        state_ = first_state(names, {});
        state_.primary = "a";
        state_.lineage = {1, {}};
        rules_.policy.confirmations = confirmations_;
        rules_.policy.failovers = 0;
        rules_.policy.return_after = seconds(1);
        rules_.policy.repoint_again = seconds(1);
        world_.members = {"m1", "m2"};
        world_.has_lease = true;
        world_.now = TimePoint(seconds(1'000));
        world_.wall = WallTime(seconds(1'000'000));
        for (const std::string& name : names) {
            servers_.push_back({.name = name,
                                .is_primary = name == "a",
                                .was_published = name == "a",
                                .lineage = {1, {}},
                                .upstream = name == "a" ? "" : "a",
                                .rule = {}});
            world_.nodes.emplace_back();
            world_.nodes.back().name = name;
            world_.nodes.back().priority = static_cast<std::uint32_t>(below(4));  // 0: never promoted
        }
        state_.sync = wanted_sync(state_, rules_.policy);
        server("a").rule = state_.sync;
    }

    // Faults come and go for so many ticks, then everything is mended.
    void run(int troubled, int quiet) {
        for (int i = 0; i < troubled && !has_failed(); ++i) {
            trouble();
            tick();
        }
        mend();
        for (int i = 0; i < quiet && !has_failed(); ++i) tick();
        if (has_failed()) return;
        EXPECT_EQ(info(state_.phase).name, "steady") << state_.reason;
        EXPECT_TRUE(server(state_.primary).is_primary && !server(state_.primary).is_fenced);
        for (const Server& one : servers_) {
            if (one.name != state_.primary && state_.is_in_service(one.name)) {
                EXPECT_EQ(one.upstream, state_.primary) << one.name;
            }
        }
        EXPECT_EQ(state_.sync.needed, std::min(confirmations_, state_.sync.names.size()))
            << "and promises it again";
    }
    [[nodiscard]] std::size_t promotions() const { return epochs_.size(); }
    [[nodiscard]] static bool has_failed() { return testing::Test::HasFailure(); }

private:
    bool chance(double probability) { return std::bernoulli_distribution(probability)(random_); }
    std::size_t below(std::size_t limit) {
        return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_);
    }
    Server& server(const std::string& name) { return *std::ranges::find(servers_, name, &Server::name); }
    static std::string pair_of(const std::string& one, const std::string& other) {
        return one < other ? one + other : other + one;
    }
    [[nodiscard]] bool is_linked(const std::string& one, const std::string& other) const {
        return !broken_.contains(pair_of(one, other));
    }
    // What the decider can talk to.
    bool can_order(const Server& one) { return one.runs() && is_linked(decider_, one.name); }

    void trouble() {
        for (Server& one : servers_) {
            if (chance(0.01)) one.is_alive = !one.is_alive;
            if (!one.is_alive && chance(0.1)) one.is_alive = true;
            if (chance(one.is_frozen ? 0.05 : 0.004)) one.is_frozen = !one.is_frozen;
            for (const std::string& other :
                 {std::string("m1"), std::string("m2"), servers_[below(servers_.size())].name}) {
                const std::string link = pair_of(one.name, other);
                if (other == one.name) continue;
                if (broken_.contains(link)) {
                    if (chance(0.1)) broken_.erase(link);
                } else if (chance(0.005)) {
                    broken_.insert(link);
                }
            }
        }
        if (chance(0.02)) decider_dies();
        if (chance(0.01)) take(Event::AskSwitchover);
        if (chance(0.05)) recover(servers_[below(servers_.size())]);
    }
    void mend() {
        broken_.clear();
        for (Server& one : servers_) {
            one.is_frozen = false;
            one.is_alive = true;
        }
        is_mended_ = true;
    }
    void decider_dies() {
        decider_ = decider_ == "m1" ? "m2" : "m1";
        world_.lease_epoch = std::max(world_.lease_epoch, state_.epoch) + 1;
        orders_ = {};
        for (NodeSight& node : world_.nodes) node.is_reached = false;
        look_around();
        take(Event::TakenOver);
    }
    // What a recovery agent does with a node that is out of service.
    void recover(Server& one) {
        const Server& primary = server(state_.primary);
        const NodeRecord& record = *state_.find(one.name);
        const bool is_possible = state_.phase == Phase::Steady && primary.is_primary && primary.runs() &&
                                 one.runs() && record.standing != Standing::InService;
        if (!is_possible) return;
        one.is_primary = one.is_fenced = one.was_published = false;
        one.lineage = primary.lineage;
        one.flushed = primary.flushed;
        one.upstream.clear();
        if (record.standing == Standing::Detached)
            set_standing(state_, one.name, Standing::Quarantined, "", world_.wall);
    }

    void tick() {
        world_.now += kTick;
        world_.wall += std::chrono::duration_cast<WallTime::duration>(kTick);
        write_and_stream();
        look_around();
        if (is_mended_) {
            for (Server& one : servers_) recover(one);
        }
        while (!has_failed() && take(Event::Look)) {
        }
        carry_on();
        in_peace();
    }
    void write_and_stream() {
        for (Server& one : servers_) {
            if (one.runs() && one.is_primary && !one.is_fenced) one.flushed += below(20);
        }
        for (Server& one : servers_) {
            if (!one.runs() || one.is_primary || one.upstream.empty()) continue;
            const Server& from = server(one.upstream);
            const bool streams = from.runs() && is_linked(one.name, from.name) &&
                                 one.flushed <= from.flushed &&
                                 can_follow(kinship(one.lineage, Lsn(one.flushed), from.lineage));
            if (!streams || chance(0.2)) continue;
            one.lineage = from.lineage;
            one.flushed += below(from.flushed - one.flushed + 1);
            if (chance(0.5)) one.flushed = from.flushed;
        }
        for (const Server& one : servers_) {
            if (one.runs() && one.is_primary && one.was_published && !one.is_fenced) acknowledge(one);
        }
    }
    void acknowledge(const Server& primary) {
        std::vector<std::uint64_t> confirmed;
        for (const std::string& name : primary.rule.names) {
            const Server& standby = server(name);
            const bool streams = standby.runs() && !standby.is_primary && standby.upstream == primary.name &&
                                 is_linked(name, primary.name) && standby.lineage == primary.lineage;
            confirmed.push_back(streams ? standby.flushed : 0);
        }
        std::ranges::sort(confirmed, std::greater<>());
        std::uint64_t position = primary.flushed;
        if (primary.rule.needed > 0) position = confirmed.at(primary.rule.needed - 1);
        // A position before the timeline began is one of its ancestor.
        const auto& ancestors = primary.lineage.ancestors;
        if (!ancestors.empty() && position <= ancestors.back().end.value) return;
        std::uint64_t& known = acknowledged_[primary.lineage.timeline];
        known = std::max(known, position);
    }
    void look_around() {
        for (std::size_t i = 0; i < servers_.size(); ++i) {
            const Server& one = servers_[i];
            for (const std::string& member : world_.members) {
                Finding finding = one.is_frozen ? Finding::Hung : Finding::Well;
                const bool is_read_only = one.is_fenced && one.name == state_.primary && !one.is_frozen;
                if (is_read_only) finding = Finding::Query;
                if (!one.is_alive) finding = Finding::Refused;
                if (!is_linked(member, one.name)) finding = Finding::Silent;
                record(world_.evidence, {member, one.name, finding, ""}, world_.now);
            }
            NodeSight& sight = world_.nodes[i];
            sight.is_reached = can_order(one);
            if (!sight.is_reached) continue;
            sight.is_standby = !one.is_primary;
            sight.is_cut_off = sight.is_standby && one.upstream.empty();
            sight.upstream = one.upstream;
            sight.lineage = one.lineage;
            sight.flushed = sight.replayed = Lsn(one.flushed);
            if (one.name == state_.primary) world_.last_known = std::max(world_.last_known, sight.flushed);
        }
    }

    bool take(Event event) {
        const Snapshot snapshot = observe(state_, event, world_, rules_);
        const Decision decision = step(state_, event, snapshot);
        if (decision.row == nullptr) return false;
        const std::string old_primary = state_.primary;
        const auto again = state_of(to_text(decision.state));  // as the next decider would find it
        if (!again) {
            ADD_FAILURE() << again.error().message;
            return false;
        }
        state_ = *again;
        if (decision.actions.has(Action::Promote)) {
            EXPECT_TRUE(epochs_.insert(state_.epoch).second) << "two promotions under epoch " << state_.epoch;
        }
        if (decision.actions.has(Action::Install)) check_new_primary();
        orders_ = decision.actions;
        follow_ = plan_follow(world_.nodes, state_.primary, state_.lineage);
        since_ = world_.now;
        ends_ = world_.now + kTick * static_cast<int>(1 + below(3));
        if (chance(is_mended_ ? 0.0 : 0.02)) decider_dies();  // the state is durable, nothing is ordered
        return true;
    }
    void check_new_primary() {
        for (const auto& [timeline, position] : acknowledged_) {
            EXPECT_TRUE(holds(server(state_.primary), timeline, position))
                << "\"" << state_.primary << "\" lacks what was acknowledged at " << position
                << " on timeline " << timeline << history();
        }
    }
    [[nodiscard]] std::string history() const {
        std::string text = "\npromise: " + std::to_string(state_.sync.needed) + " of";
        for (const std::string& name : state_.sync.names) text += " " + name;
        for (const Server& one : servers_) {
            text += "\n" + one.name + " timeline " + std::to_string(one.lineage.timeline) + " flushed " +
                    std::to_string(one.flushed) +
                    (one.is_primary ? " primary" : " standby of " + one.upstream) + ", " +
                    to_string(state_.find(one.name)->standing);
        }
        for (const HistoryEntry& entry : state_.history) text += "\n" + describe(entry);
        return text;
    }

    // The orders of the phase end, well or not; or its time does.
    void carry_on() {
        const milliseconds deadline = info(state_.phase).deadline;
        if (deadline.count() == 0) {
            publish();
            return;
        }
        if (world_.now >= ends_ && !orders_.is_empty()) {
            const ActionSet orders = std::exchange(orders_, {});
            const bool is_done = carry_out(orders);
            look_around();
            if (is_done || chance(0.5)) take(is_done ? Event::Done : Event::Failed);
        } else if (world_.now - since_ >= deadline) {
            take(Event::Deadline);
        }
    }
    bool works() { return is_mended_ || chance(0.9); }
    void publish() {
        Server& primary = server(state_.primary);
        if (can_order(primary)) primary.was_published = true;
    }
    bool carry_out(ActionSet orders) {
        bool is_done = true;
        if (orders.has(Action::Publish)) publish();
        for (Server& one : servers_) {
            const bool is_told = can_order(one) && works();
            const bool feeds_target = one.name == state_.target ||
                                      (state_.is_planned && one.name == server(state_.target).upstream);
            if (orders.has(Action::CutStandbys) && !one.is_primary && !feeds_target) {
                if (is_told) one.upstream.clear();
                is_done = is_done && is_told;
            }
            if (orders.has(Action::Promote) && one.name == state_.target) {
                if (is_told && !one.is_primary) promote(one);
                is_done = is_done && is_told && works();
            }
        }
        Server& primary = server(state_.primary);
        const bool is_told = can_order(primary) && works();
        if (orders.has(Action::StopPrimary)) {
            if (is_told) primary.is_alive = false;
            if (is_told) primary.is_fenced = true;
            is_done = is_told;
        }
        if (orders.has(Action::StartPrimary)) {
            if (works()) {
                primary.is_alive = true;
                primary.is_fenced = false;
            }
            is_done = can_order(primary) && !primary.is_fenced;
        }
        if (orders.has(Action::AwaitEqual)) {
            const Server& target = server(state_.target);
            is_done =
                !primary.is_alive && target.lineage == primary.lineage && target.flushed == primary.flushed;
            if (!is_done) orders_ = orders;
        }
        if (orders.has(Action::Repoint)) {
            for (const Follow& follow : follow_) {
                Server& one = server(follow.node);
                const bool hears = can_order(one) && works();
                if (hears && !one.is_primary) one.upstream = follow.upstream;
                is_done = is_done && hears;
            }
        }
        return is_done;
    }
    void promote(Server& one) {
        one.is_primary = true;
        one.upstream.clear();
        one.lineage.ancestors.push_back({one.lineage.timeline, Lsn(one.flushed)});
        one.lineage.timeline = ++timelines_;
        // Whatever its own setting is: nobody has looked after it yet.
        one.rule = chance(0.5) ? SyncRule{} : SyncRule{1, {servers_[below(servers_.size())].name}};
    }

    // What the decider does while nothing is going on: standings, and the rule for commits.
    void in_peace() {
        Server& primary = server(state_.primary);
        if (state_.phase != Phase::Steady || !can_order(primary) || !primary.is_primary) return;
        EXPECT_TRUE(refresh_primary(state_, world_.nodes));
        for (const StandingChange& change : review_standing(state_, world_.nodes, world_.evidence,
                                                            world_.members, rules_.policy, world_.now)) {
            set_standing(state_, change.node, change.standing, change.reason, world_.wall);
        }
        std::vector<std::string> streaming;
        for (const Server& one : servers_) {
            if (one.runs() && one.upstream == primary.name && one.lineage == primary.lineage)
                streaming.push_back(one.name);
        }
        SyncRule wanted = wanted_sync(state_, rules_.policy);
        wanted.needed = std::min(wanted.needed, wanted.names.size());
        change_rule(primary, plan_sync(state_.sync, wanted, streaming, Durability::Strict));
    }
    void change_rule(Server& primary, const SyncPlan& plan) {
        if (plan.step == SyncStep::Record) state_.sync = plan.rule;
        if (plan.step == SyncStep::RecordThenSet) {
            state_.sync = plan.rule;
            if (works()) primary.rule = plan.rule;  // or the decider dies in between
        }
        if (plan.step == SyncStep::SetThenRecord && works()) {
            primary.rule = plan.rule;
            const auto have_it = std::ranges::count_if(plan.rule.names, [&](const std::string& name) {
                const Server& one = server(name);
                return one.lineage == primary.lineage && one.flushed >= primary.flushed &&
                       one.upstream == primary.name;
            });
            if (static_cast<std::size_t>(have_it) >= plan.rule.needed) state_.sync = plan.rule;
        }
    }

    std::mt19937 random_;
    std::size_t confirmations_ = 1;
    std::vector<Server> servers_;
    std::set<std::string> broken_;
    std::string decider_ = "m1";
    bool is_mended_ = false;
    World world_;
    Rules rules_;
    ClusterState state_;
    ActionSet orders_;
    std::vector<Follow> follow_;
    TimePoint since_;
    TimePoint ends_;
    std::uint32_t timelines_ = 1;
    std::map<std::uint32_t, std::uint64_t> acknowledged_;  // timeline -> the furthest position
    std::set<std::uint64_t> epochs_;
};

TEST(Simulation, NothingAcknowledgedIsLostAndEverythingComesToRest) {
    const char* longer = std::getenv("PGPOOL_SIMULATIONS");
    const unsigned runs = longer != nullptr ? static_cast<unsigned>(std::atoi(longer)) : 25;
    std::size_t promotions = 0;
    for (unsigned seed = 0; seed < runs && !Simulation::has_failed(); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Simulation simulation(seed);
        simulation.run(1'000, 600);
        promotions += simulation.promotions();
    }
    EXPECT_GT(promotions, runs * 2) << "too quiet to prove anything";
    RecordProperty("promotions", static_cast<int>(promotions));
}

}  // namespace
}  // namespace pgpool::decide
