// SPDX-License-Identifier: PostgreSQL
#include "proxy/route/planner.h"

#include <algorithm>
#include <array>
#include <string>

namespace pgpool::route {
namespace {

using cluster::NodeStatus;
using cluster::Topology;
using sql::Isolation;
using sql::Kind;

// Which nodes a hint or a rule asks for.
struct Wish {
    enum class Kind : std::uint8_t { Any, Primary, Standby, Node };
    Kind kind = Kind::Any;
    NodeId node;
    Why why = Why::Balanced;
};

bool matches(std::string_view wanted, std::string_view actual) {
    return wanted.empty() || wanted == actual;
}

std::optional<NodeId> find_by_name(const Topology& topology, std::string_view name) {
    for (const NodeStatus& node : topology.nodes) {
        if (node.name == name) return node.id;
    }
    return std::nullopt;
}

std::optional<Wish> wish_by_hint(const sql::StatementInfo& info, const Topology& topology) {
    if (info.hint == sql::Hint::Primary) return Wish{Wish::Kind::Primary, {}, Why::Hint};
    if (info.hint == sql::Hint::Standby) return Wish{Wish::Kind::Standby, {}, Why::Hint};
    if (info.node_hint.empty()) return std::nullopt;
    const std::optional<NodeId> node = find_by_name(topology, info.node_hint);
    if (!node) return std::nullopt;
    return Wish{Wish::Kind::Node, *node, Why::Hint};
}

Wish wish_by_rule(const SessionRoute& session, const Topology& topology, const config::Routing& routing) {
    for (const config::RouteRule& rule : routing.rules) {
        const bool applies = matches(rule.user, session.user) && matches(rule.database, session.database) &&
                             matches(rule.application_name, session.application_name);
        if (!applies) continue;
        if (rule.target == "primary") return {Wish::Kind::Primary, {}, Why::Rule};
        if (rule.target == "standby") return {Wish::Kind::Standby, {}, Why::Rule};
        const std::optional<NodeId> node = find_by_name(topology, rule.target);
        if (node) return {Wish::Kind::Node, *node, Why::Rule};
        return {};
    }
    return {};
}

bool is_primary(const NodeStatus& node, const Topology& topology) {
    return topology.primary == node.id;
}

Target target_of(const NodeStatus& node, const Topology& topology) {
    return is_primary(node, topology) ? Target::primary() : Target::at(node.id);
}

// Chooses the node of one read.
class Choice {
public:
    Choice(const SessionRoute& session, const Topology& topology, const config::Routing& routing,
           const Wish& wish)
        : session_(session), topology_(topology), routing_(routing), wish_(wish) {}

    [[nodiscard]] ExecutionPlan plan(std::uint64_t random) const;

private:
    struct Sums {
        double all = 0;    // weights of the nodes that may serve
        double fresh = 0;  // of those standbys among them that have replayed enough
        NodeSet behind;    // the others
    };

    [[nodiscard]] bool may_serve(const NodeStatus& node) const;
    [[nodiscard]] double weight(const NodeStatus& node) const {
        return wish_.kind == Wish::Kind::Node ? 1.0 : node.weight;  // who names a node means it
    }
    [[nodiscard]] bool is_fresh(const NodeStatus& node) const {
        return is_primary(node, topology_) || is_fresh_standby(node);
    }
    [[nodiscard]] bool is_fresh_standby(const NodeStatus& node) const {
        if (is_primary(node, topology_)) return false;
        return node.role == cluster::Role::Replica || node.replay_lsn >= session_.must_see;
    }
    [[nodiscard]] Sums sums() const;
    template <typename Filter>
    [[nodiscard]] const NodeStatus* pick(double total, std::uint64_t random, Filter filter) const;
    [[nodiscard]] const NodeStatus* kept_choice() const;
    [[nodiscard]] Forward forward(const NodeStatus& node, Why why) const;
    [[nodiscard]] ExecutionPlan wait_or_primary(NodeSet behind) const;

    const SessionRoute& session_;
    const Topology& topology_;
    const config::Routing& routing_;
    const Wish& wish_;
};

bool Choice::may_serve(const NodeStatus& node) const {
    if (wish_.kind == Wish::Kind::Standby && is_primary(node, topology_)) return false;
    if (wish_.kind == Wish::Kind::Node && wish_.node != node.id) return false;
    const Eligibility result = eligibility(node, topology_, routing_);
    if (result == Eligibility::Eligible) return true;
    const bool only_unwanted = result == Eligibility::NoWeight || result == Eligibility::PrimaryExcluded;
    return wish_.kind == Wish::Kind::Node && only_unwanted;
}

Choice::Sums Choice::sums() const {
    Sums sums;
    for (const NodeStatus& node : topology_.nodes) {
        if (!may_serve(node)) continue;
        sums.all += weight(node);
        if (is_fresh_standby(node)) sums.fresh += weight(node);
        if (!is_fresh(node)) sums.behind.add(node.id);
    }
    return sums;
}

template <typename Filter>
const NodeStatus* Choice::pick(double total, std::uint64_t random, Filter filter) const {
    constexpr double kUnit = 1.0 / 9007199254740992.0;  // 2^-53
    double left = static_cast<double>(random >> 11U) * kUnit * total;
    const NodeStatus* last = nullptr;
    for (const NodeStatus& node : topology_.nodes) {
        if (!may_serve(node) || !filter(node)) continue;
        last = &node;
        left -= weight(node);
        if (left < 0) break;
    }
    return last;
}

// The node that the session settled on, if it may still serve.
const NodeStatus* Choice::kept_choice() const {
    if (routing_.balance != config::BalanceLevel::Session || !session_.chosen || wish_.why == Why::Hint) {
        return nullptr;
    }
    const NodeStatus* node =
        session_.chosen->is_primary() ? topology_.primary_node() : topology_.find(session_.chosen->node);
    return node != nullptr && may_serve(*node) ? node : nullptr;
}

Forward Choice::forward(const NodeStatus& node, Why why) const {
    Forward forward{target_of(node, topology_), why};
    if (routing_.balance == config::BalanceLevel::Session && why != Why::Hint) forward.stick = Stick::Session;
    return forward;
}

ExecutionPlan Choice::wait_or_primary(NodeSet behind) const {
    if (!session_.waited && routing_.consistency_wait.count() > 0) {
        return WaitForReplay{behind, session_.must_see, routing_.consistency_wait};
    }
    return Forward{Target::primary(), Why::NotCaughtUp};
}

ExecutionPlan Choice::plan(std::uint64_t random) const {
    if (const NodeStatus* kept = kept_choice()) {
        if (is_fresh(*kept)) return forward(*kept, Why::SessionChoice);
        NodeSet behind;
        behind.add(kept->id);
        return wait_or_primary(behind);
    }
    const Sums found = sums();
    if (found.all <= 0) return Forward{Target::primary(), Why::NoStandby};
    const NodeStatus* first = pick(found.all, random, [](const NodeStatus&) { return true; });
    if (is_fresh(*first)) return forward(*first, wish_.why);
    if (found.fresh > 0) {
        return forward(
            *pick(found.fresh, random, [this](const NodeStatus& node) { return is_fresh_standby(node); }),
            wish_.why);
    }
    return wait_or_primary(found.behind);
}

ExecutionPlan to_primary(Why why, Stick stick = Stick::Request) {
    return Forward{Target::primary(), why, stick};
}

// A read that a wish, the session's choice or chance may send anywhere.
ExecutionPlan choose(const sql::StatementInfo& info, const SessionRoute& session, const Topology& topology,
                     const config::Routing& routing, std::uint64_t random) {
    const std::optional<Wish> hinted = wish_by_hint(info, topology);
    const Wish wish = hinted ? *hinted : wish_by_rule(session, topology, routing);
    if (wish.kind == Wish::Kind::Primary) return to_primary(wish.why);
    ExecutionPlan plan = Choice(session, topology, routing, wish).plan(random);
    const auto* forward = std::get_if<Forward>(&plan);
    const bool wish_failed =
        forward != nullptr && forward->why == Why::NoStandby && wish.kind == Wish::Kind::Node;
    return wish_failed ? Choice(session, topology, routing, Wish{}).plan(random) : plan;
}

bool writes(const sql::StatementInfo& info) {
    return std::any_of(info.statements.begin(), info.statements.end(),
                       [](const sql::Statement& statement) { return statement.writes; });
}

// The connection is settled; only what would quietly mean something else there is refused.
ExecutionPlan on_bound(const Verdict& verdict, const sql::StatementInfo& info, const SessionRoute& session,
                       const Topology& topology) {
    const Target& bound = *session.bound;
    const NodeStatus* node = bound.is_primary() ? nullptr : topology.find(bound.node);
    const bool leads = node != nullptr && node->role == cluster::Role::Primary;  // maybe not for new requests
    if (bound.is_primary() || leads) return Forward{bound, Why::Bound};
    const std::string standby = node != nullptr ? node->name : std::to_string(bound.node.value);
    if (verdict.primary_only) {
        return Refuse{sqlstate::kReadOnlyTransaction,
                      "advisory locks are kept on the primary, but this read-only transaction runs on "
                      "standby \"" +
                          standby +
                          "\"; begin it with READ WRITE or after the comment /* pgpool: primary */"};
    }
    if (!session.in_transaction && info.parsed && writes(info)) {
        return Refuse{sqlstate::kReadOnlyTransaction,
                      "only the primary can write, but what a read-only transaction may have left in this "
                      "session is kept on standby \"" +
                          standby + "\"; DISCARD ALL ends that"};
    }
    return Forward{bound, Why::Bound};
}

// A client whose state is at a standby could not write until that state is gone.
bool may_leave_state(const Verdict& verdict) {
    return verdict.leaves != sql::Leaves::Nothing;
}

// Nothing of the open transaction was sent yet.
ExecutionPlan first_of_transaction(const Verdict& verdict, const sql::StatementInfo& info,
                                   const SessionRoute& session, const Topology& topology,
                                   const config::Routing& routing, std::uint64_t random) {
    const bool ends = info.single(Kind::Commit) || info.single(Kind::Rollback);
    if (ends && !info.statements.front().transaction.chain) return Local{Local::What::EndUnsent};
    if (!routing.read_write_split) return to_primary(Why::SplitOff, Stick::Transaction);
    if (!session.read_only) return to_primary(Why::InTransaction, Stick::Transaction);
    if (session.isolation == Isolation::Serializable)
        return to_primary(Why::Serializable, Stick::Transaction);
    if (may_leave_state(verdict)) return to_primary(Why::LeavesState, Stick::Transaction);
    const bool decides_later = info.single(Kind::SetTransaction) || info.single(Kind::PrepareTransaction);
    if (verdict.kind == Class::Write || decides_later) return to_primary(Why::Write, Stick::Transaction);
    ExecutionPlan plan = choose(info, session, topology, routing, random);
    if (auto* forward = std::get_if<Forward>(&plan)) {
        forward->stick = Stick::Transaction;
        if (forward->why == Why::Balanced) forward->why = Why::ReadOnlyTransaction;
    }
    return plan;
}

bool hints_at_standby(const sql::StatementInfo& info) {
    return info.hint == sql::Hint::Standby || !info.node_hint.empty();
}

}  // namespace

ExecutionPlan plan(const Verdict& verdict, const sql::StatementInfo& info, const SessionRoute& session,
                   const Topology& topology, const config::Routing& routing, std::uint64_t random) {
    if (verdict.kind == Class::Own) return Local{Local::What::Own};
    if (verdict.kind == Class::Nothing) return Local{Local::What::EmptyQuery};
    if (session.bound) return on_bound(verdict, info, session, topology);
    if (session.primary_only) return to_primary(Why::PrimaryOnly);
    if (session.in_transaction) {
        return first_of_transaction(verdict, info, session, topology, routing, random);
    }
    if (info.single(Kind::Begin)) return Local{Local::What::Begin};
    const bool may_read = verdict.kind == Class::Read || (verdict.uncertain && hints_at_standby(info));
    if (!may_read) return to_primary(Why::Write);
    if (!routing.read_write_split) return to_primary(Why::SplitOff);
    if (session.isolation == Isolation::Serializable) return to_primary(Why::Serializable);
    if (may_leave_state(verdict)) return to_primary(Why::LeavesState);
    ExecutionPlan plan = choose(info, session, topology, routing, random);
    if (auto* forward = std::get_if<Forward>(&plan)) {
        forward->retryable = verdict.retryable_read && !forward->target.is_primary();
    }
    return plan;
}

Eligibility eligibility(const NodeStatus& node, const Topology& topology, const config::Routing& routing) {
    if (node.state != cluster::NodeState::Up) return Eligibility::Down;
    const bool primary = is_primary(node, topology);
    const bool is_standby = node.role == cluster::Role::Standby || node.role == cluster::Role::Replica;
    if (!primary && !is_standby) return Eligibility::NotWritableOrStandby;
    if (primary && !routing.primary_reads) return Eligibility::PrimaryExcluded;
    if (!(node.weight > 0)) return Eligibility::NoWeight;
    if (primary || node.role == cluster::Role::Replica) return Eligibility::Eligible;
    if (routing.max_lag_bytes > 0 && node.lag_bytes > routing.max_lag_bytes) return Eligibility::LagBytes;
    const bool late =
        routing.max_lag_time.count() > 0 && node.lag_time && *node.lag_time > routing.max_lag_time;
    return late ? Eligibility::LagTime : Eligibility::Eligible;
}

const char* to_string(Eligibility eligibility) {
    constexpr auto kNames = std::to_array<const char*>({"eligible", "not up", "neither primary nor standby",
                                                        "weight 0", "too many bytes behind",
                                                        "too long behind", "the primary serves no reads"});
    static_assert(kNames.size() == static_cast<std::size_t>(Eligibility::PrimaryExcluded) + 1);
    return kNames.at(static_cast<std::size_t>(eligibility));
}

}  // namespace pgpool::route
