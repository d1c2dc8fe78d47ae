// SPDX-License-Identifier: PostgreSQL
#include "proxy/keeper/keeper.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "common/obs/log.h"
#include "proxy/health/own_thread.h"
#include "proxy/keeper/settlement.h"
#include "proxy/keeper/state_file.h"

namespace pgpool::keeper {

namespace {

using cluster::Membership;

constexpr SqlState kNotInThatState{"55000"};
constexpr milliseconds kOpenAgain{200};
constexpr seconds kCatchUpAgain{1};
// Of a proxy that died nobody waits for its transactions. Those in flight here end by themselves: a session
// that loses a node gives up or goes on without it.
constexpr Patience kAtOpening{.grace = milliseconds(200), .limit = seconds(10)};
constexpr Patience kInFlight{.grace = milliseconds(1'000), .limit = seconds(10)};

WallTime wall_now() {
    return std::chrono::system_clock::now();
}

std::vector<std::string> names_of(const config::Config& config) {
    std::vector<std::string> names;
    names.reserve(config.nodes.size());
    for (const config::Node& node : config.nodes) names.push_back(node.name);
    return names;
}

std::vector<std::string> attached_names(const Membership& membership) {
    std::vector<std::string> names;
    for (const cluster::Member& member : membership.members) {
        if (member.is_attached) names.push_back(member.name);
    }
    return names;
}

std::string listed(const std::map<std::string, std::string>& failed) {
    std::vector<std::string> parts;
    for (const auto& [name, reason] : failed) parts.push_back(fmt::format("{}: {}", name, reason));
    return fmt::format("{}", fmt::join(parts, "; "));
}

// What the data plane or probes saw of a node.
struct Loss {
    std::uint64_t seen_epoch = 0;
    cluster::Sign sign = cluster::Sign::Gone;
    std::string reason;
};

// Of an administrator; see Decider.
struct Request {
    enum class Kind : std::uint8_t { Attach, Detach };
    Kind kind = Kind::Attach;
    std::string name;
    cluster::Proof proof = cluster::Proof::None;
    std::string reason;
    cluster::Decider::Done done;
};

}  // namespace

class Keeper::Core {
public:
    Core(config::ConfigPtr config, Topology topology, Publish publish, RaiseSequence raise_sequence,
         MayBeBuiltOn may_be_built_on, Lease lease)
        : topology_(std::move(topology)),
          publish_(std::move(publish)),
          raise_sequence_(std::move(raise_sequence)),
          may_be_built_on_(std::move(may_be_built_on)),
          lease_(std::move(lease)),
          file_(config->replication.state_directory),
          config_(std::move(config)) {}

    void load();
    void start() {
        thread_.start([this] { run(); });
    }
    void stop() { thread_.stop(); }
    void reload(config::ConfigPtr config);
    void add_loss(NodeId node, Loss loss);
    void add_refused_mark(std::uint64_t seen_epoch);
    void add_left(std::uint64_t seen_epoch);
    void add_request(Request request);

private:
    // What there is to do, taken out under the lock.
    struct Work {
        config::ConfigPtr config;
        std::map<NodeId, Loss> losses;
        std::uint64_t refused_under = 0;
        std::uint64_t left_under = 0;
        std::deque<Request> requests;
    };

    void run();
    [[nodiscard]] Work next_work();
    void try_open();
    void take_over(std::uint64_t lease);
    void follow_lease();
    [[nodiscard]] std::uint64_t lease_now() const { return lease_ ? lease_() : 0; }
    [[nodiscard]] static std::optional<bool> is_as_left(Settlement& settlement);
    [[nodiscard]] bool may_decide();
    [[nodiscard]] bool is_patient(const std::map<std::string, std::string>& failed);
    void open_with(Settlement& settlement, const std::map<std::string, std::string>& failed,
                   Settlement::Origin origin, std::uint64_t lease);
    void use_config();
    void take_out(const std::map<NodeId, Loss>& losses);
    [[nodiscard]] Result<void> evict_unequal(const std::map<std::string, std::string>& unequal);
    [[nodiscard]] Result<void> note_doubts(const std::map<std::string, std::string>& doubted);
    void catch_up(std::uint64_t refused_under);
    void end_left(std::uint64_t left_under);
    void serve(Request& request);
    [[nodiscard]] Result<std::string> detach(const Request& request);
    [[nodiscard]] Result<std::string> attach(const Request& request);
    [[nodiscard]] Result<void> check_lease() const;
    [[nodiscard]] Result<void> check_probes(const std::string& name) const;
    [[nodiscard]] Result<void> change(Settlement& settlement, const std::map<std::string, std::string>& out);
    [[nodiscard]] Result<void> settle(Settlement& settlement);
    [[nodiscard]] Result<void> adopt(const Settlement& settlement);
    void close(const std::string& reason);
    void say_waiting(std::string reason);
    void say_unprepared(const std::string& reason);

    const Topology topology_;
    const Publish publish_;
    const RaiseSequence raise_sequence_;
    const MayBeBuiltOn may_be_built_on_;
    const Lease lease_;
    StateFile file_;

    // Of the thread; of load() before.
    config::ConfigPtr in_use_;
    Membership membership_;
    Settlement::Origin origin_ = Settlement::Origin::Known;
    Fences fences_;
    bool is_open_ = false;
    bool is_deposed_ = false;  // for good without a lease: two that open the cluster in turn would never end
    std::uint64_t opened_under_ = 0;          // the lease
    std::set<std::string> released_;          // by an administrator: a take-over does not wait for them
    std::set<std::string> distrusted_;        // doubted in the file that was found, until the cluster is open
    TimePoint catch_up_at_;                   // not before
    std::uint64_t to_end_ = 0;                // what was left under this epoch, once all nodes can be reached
    std::optional<TimePoint> opening_since_;  // some nodes can be reached, others are waited for
    std::string waiting_for_;                 // as logged last
    std::string unprepared_;                  // the same

    std::mutex mutex_;  // guards all below but the thread
    std::condition_variable changed_;
    config::ConfigPtr config_;
    std::map<NodeId, Loss> losses_;
    std::uint64_t refused_under_ = 0;  // the highest epoch under which a mark was refused; 0: none
    std::uint64_t left_under_ = 0;     // the same of one that may be left prepared
    std::deque<Request> requests_;
    health::OwnThread thread_{mutex_, changed_};
};

void Keeper::Core::load() {
    const auto must = [](const auto& result) {
        if (!result) throw std::runtime_error(result.error().within("replication.state_directory").message);
    };
    in_use_ = config_;
    must(file_.take());
    auto known = file_.load();
    must(known);
    origin_ = *known ? Settlement::Origin::Known : Settlement::Origin::Configuration;
    auto fitting = *known ? cluster::fit(**known, names_of(*in_use_), wall_now())
                          : Result<Membership>(cluster::first_membership(names_of(*in_use_), wall_now()));
    must(fitting);
    must(file_.check_writable());
    membership_ = std::move(*fitting);
    for (const cluster::Member& member : membership_.members) {
        if (member.is_doubted) distrusted_.insert(member.name);
    }
    log::info("membership_loaded", {{"file", file_.path()},
                                    {"found", known->has_value()},
                                    {"epoch", membership_.epoch},
                                    {"main", membership_.main},
                                    {"attached", membership_.attached()},
                                    {"doubted", distrusted_.size()}});
    if (membership_.members.size() < 2)
        log::warning("single_node", {{"reason", "mode replication with one node: nothing is kept twice"}});
    publish_(membership_, false);
}

void Keeper::Core::reload(config::ConfigPtr config) {
    const std::lock_guard lock(mutex_);
    config_ = std::move(config);
    changed_.notify_one();
}

void Keeper::Core::add_loss(NodeId node, Loss loss) {
    const std::lock_guard lock(mutex_);
    Loss& known = losses_[node];
    const auto weight = [](const Loss& one) {
        return std::tuple(one.sign == cluster::Sign::Unequal, one.seen_epoch, one.sign);
    };
    if (!known.reason.empty() && weight(loss) <= weight(known)) return;
    known = std::move(loss);
    changed_.notify_one();
}

void Keeper::Core::add_refused_mark(std::uint64_t seen_epoch) {
    const std::lock_guard lock(mutex_);
    refused_under_ = std::max(refused_under_, seen_epoch);
    changed_.notify_one();
}

void Keeper::Core::add_left(std::uint64_t seen_epoch) {
    const std::lock_guard lock(mutex_);
    left_under_ = std::max(left_under_, seen_epoch);
    changed_.notify_one();
}

void Keeper::Core::add_request(Request request) {
    const std::lock_guard lock(mutex_);
    requests_.push_back(std::move(request));
    changed_.notify_one();
}

Keeper::Core::Work Keeper::Core::next_work() {
    std::unique_lock lock(mutex_);
    const auto has_work = [this] {
        return thread_.stopping() || !requests_.empty() || config_ != in_use_ ||
               (is_open_ && (!losses_.empty() || refused_under_ > 0 || left_under_ > 0));
    };
    if (is_open_ && to_end_ < membership_.epoch && !lease_) {
        changed_.wait(lock, has_work);
    } else {
        changed_.wait_for(lock, kOpenAgain, has_work);
    }
    return {config_, std::exchange(losses_, {}), std::exchange(refused_under_, 0),
            std::exchange(left_under_, 0), std::exchange(requests_, {})};
}

void Keeper::Core::run() {
    while (!thread_.stopping()) {
        if (!is_open_ && (lease_ || !is_deposed_)) try_open();
        Work work = next_work();
        if (thread_.stopping()) return;
        if (std::exchange(in_use_, work.config) != work.config) use_config();
        if (is_open_) follow_lease();
        if (is_open_) take_out(work.losses);
        if (is_open_) catch_up(work.refused_under);
        if (is_open_) end_left(work.left_under);
        for (Request& request : work.requests) serve(request);
    }
}

// Another member may have decided since this one did.
void Keeper::Core::take_over(std::uint64_t lease) {
    if (lease == 0) return say_waiting("another member has the lease, or none: who has it opens the cluster");
    fences_ = {};
    Settlement known(*in_use_, membership_, fences_, may_be_built_on_, thread_.stopping());
    const auto is_known = is_as_left(known);
    if (thread_.stopping()) return;
    if (is_known.value_or(false)) return open_with(known, {}, Settlement::Origin::Known, lease);
    Settlement settlement(*in_use_, cluster::take_over(membership_, released_, wall_now()), fences_,
                          may_be_built_on_, thread_.stopping());
    const auto failed = settlement.connect();
    if (thread_.stopping()) return;
    if (!failed.empty()) {
        return say_waiting(
            fmt::format("this member takes the cluster over, and nodes that cannot be used may hold what "
                        "others lack: {}; "
                        "pgpool-ctl detach goes on without one",
                        listed(failed)));
    }
    log::info("taking_over", {{"lease", lease}, {"epoch_known", membership_.epoch}});
    open_with(settlement, {}, Settlement::Origin::Configuration, lease);
}

// Nothing: not all attached nodes can be asked, and what cannot be reached may have another epoch.
std::optional<bool> Keeper::Core::is_as_left(Settlement& settlement) {
    if (!settlement.connect().empty()) return std::nullopt;
    const auto is_left = settlement.is_as_left();
    if (!is_left) return std::nullopt;
    return *is_left;
}

// Another lease than the one under which the cluster was opened: nobody may have decided in between, or
// somebody has.
void Keeper::Core::follow_lease() {
    const std::uint64_t lease = lease_now();
    if (lease == 0 || lease == opened_under_) return;
    Settlement settlement(*in_use_, membership_, fences_, may_be_built_on_, thread_.stopping());
    const auto is_left = is_as_left(settlement);
    if (!is_left || thread_.stopping()) return;
    if (!*is_left) return close("another proxy has taken over, and left it again");
    log::info("lease_followed", {{"lease", lease}, {"epoch", membership_.epoch}});
    opened_under_ = lease;
}

// While the cluster is open. Closes it if another member may have decided since it was opened.
bool Keeper::Core::may_decide() {
    if (!lease_ || lease_() == opened_under_) return true;
    close("there is something to decide, which only the member that has the lease may do");
    return false;
}

void Keeper::Core::try_open() {
    const std::uint64_t lease = lease_now();
    if (lease_ && (lease == 0 || lease != opened_under_ || is_deposed_)) return take_over(lease);
    Settlement settlement(*in_use_, membership_, fences_, may_be_built_on_, thread_.stopping());
    const auto failed = settlement.connect();
    if (thread_.stopping()) return;
    if (failed.size() == membership_.attached()) {
        opening_since_.reset();
        return say_waiting(fmt::format("no attached node can be used: {}", listed(failed)));
    }
    if (!is_patient(failed)) return open_with(settlement, failed, origin_, lease);
    say_waiting(fmt::format("not all attached nodes can be used yet: {}", listed(failed)));
}

// While nodes can still be waited for.
bool Keeper::Core::is_patient(const std::map<std::string, std::string>& failed) {
    if (failed.empty()) return false;
    const TimePoint now = SteadyClock::now();
    if (!opening_since_) opening_since_ = now;
    return now - *opening_since_ < in_use_->health.failover_park_timeout;
}

void Keeper::Core::open_with(Settlement& settlement, const std::map<std::string, std::string>& failed,
                             Settlement::Origin origin, std::uint64_t lease) {
    Result<void> done = settlement.check_prepares();
    settlement.distrust(distrusted_);
    for (const auto& [name, reason] : failed) {
        if (done) done = settlement.evict(name, "could not be used while the cluster was opened: " + reason);
    }
    if (done) done = settlement.run(kAtOpening, origin);
    if (thread_.stopping()) return;
    if (done) {
        raise_sequence_(settlement.next_sequence());
        done = adopt(settlement);
    }
    is_deposed_ = settlement.has_rival();
    if (!done) {
        cluster::keep_given(membership_, settlement.membership());
        return say_waiting(done.error().message);
    }
    opened_under_ = lease;
    released_.clear();
    origin_ = Settlement::Origin::Known;
    distrusted_.clear();
    opening_since_.reset();
    waiting_for_.clear();
}

void Keeper::Core::say_waiting(std::string reason) {
    if (reason == waiting_for_) return;
    log::warning("cluster_not_open", {{"reason", reason}});
    waiting_for_ = std::move(reason);
    membership_.not_open = waiting_for_;
    publish_(membership_, false);
}

// ENSURES: what is published is in the file.
Result<void> Keeper::Core::adopt(const Settlement& settlement) {
    const Membership& membership = settlement.membership();
    if (auto saved = file_.save(membership); !saved) return saved;
    membership_ = membership;
    fences_.in_force(membership_.fence);
    membership_.not_open.clear();
    is_open_ = true;
    log::info("membership_published",
              {{"epoch", membership_.epoch},
               {"main", membership_.main},
               {"attached", fmt::format("{}", fmt::join(attached_names(membership_), ","))}});
    say_unprepared(settlement.unprepared());
    publish_(membership_, true);
    return {};
}

void Keeper::Core::say_unprepared(const std::string& reason) {
    if (std::exchange(unprepared_, reason) == reason || reason.empty()) return;
    log::warning("large_transactions_not_prepared", {{"reason", reason}});
}

void Keeper::Core::close(const std::string& reason) {
    log::error("cluster_closed", {{"reason", reason}});
    is_open_ = false;
    waiting_for_.clear();
    membership_.not_open = reason;
    publish_(membership_, false);
}

// From a membership that is in force to the next one.
Result<void> Keeper::Core::settle(Settlement& settlement) {
    for (const auto& [name, reason] : settlement.connect()) {
        if (auto evicted = settlement.evict(name, reason); !evicted) return evicted;
    }
    if (auto done = settlement.run(kInFlight, Settlement::Origin::Known); !done) return done;
    raise_sequence_(settlement.next_sequence());
    return adopt(settlement);
}

// Takes out who is named, then settles. ENSURES: the cluster is open under a higher epoch, or closed.
Result<void> Keeper::Core::change(Settlement& settlement, const std::map<std::string, std::string>& out) {
    Result<void> done;
    for (const auto& [name, reason] : out) {
        if (done) done = settlement.evict(name, reason);
    }
    if (done) done = settle(settlement);
    is_deposed_ = settlement.has_rival();
    if (!done) cluster::keep_given(membership_, settlement.membership());
    if (!done && !thread_.stopping()) close(done.error().message);
    return done;
}

// Those that were seen under the epoch in force, or of whom that makes no difference. If all nodes are lost
// it is rather the way to them: then who can be reached again decides. Who is doubtful stays, if it can be
// made equal.
void Keeper::Core::take_out(const std::map<NodeId, Loss>& losses) {
    std::map<std::string, std::string> lost;
    std::map<std::string, std::string> doubtful;
    std::map<std::string, std::string> unequal;
    const cluster::TopologyPtr topology = topology_();
    for (const auto& [node, loss] : losses) {
        const cluster::NodeStatus* status = topology->find(node);
        if (status == nullptr || !membership_.is_attached(status->name)) continue;
        if (loss.seen_epoch < membership_.epoch && loss.sign != cluster::Sign::Unequal) continue;
        auto& alike = loss.sign == cluster::Sign::Doubtful ? doubtful
                      : loss.sign == cluster::Sign::Gone   ? lost
                                                           : unequal;
        alike.emplace(status->name, loss.reason);
    }
    if ((lost.empty() && doubtful.empty() && unequal.empty()) || membership_.attached() == 1) return;
    if (!may_decide()) return;
    if (!doubtful.empty())
        log::info("nodes_doubted", {{"epoch", membership_.epoch}, {"reason", listed(doubtful)}});
    doubtful.insert(lost.begin(), lost.end());
    const bool are_all = lost.size() + unequal.size() == membership_.attached();
    if (auto out = are_all ? Result<void>() : evict_unequal(unequal); !out) return close(out.error().message);
    if (auto noted = note_doubts(doubtful); !noted) return close(noted.error().message);
    if (are_all) {
        lost.merge(unequal);
        return close("every node is lost: " + listed(lost));
    }
    Settlement settlement(*in_use_, membership_, fences_, may_be_built_on_, thread_.stopping());
    static_cast<void>(change(settlement, lost));  // if it fails it has closed the cluster
}

// At once: their markers would not tell it if this process ended now, or if the settlement failed.
Result<void> Keeper::Core::evict_unequal(const std::map<std::string, std::string>& unequal) {
    for (const auto& [name, reason] : unequal) {
        if (auto evicted = cluster::evict(membership_, name, reason, wall_now()); !evicted) return evicted;
        log::warning("node_evicted", {{"node", name}, {"reason", reason}});
    }
    return {};
}

// Durably, before anything else: whether others have built on what they lack only this process knows
// (exec::CommitGate).
Result<void> Keeper::Core::note_doubts(const std::map<std::string, std::string>& doubted) {
    for (const auto& [name, reason] : doubted) {
        if (auto noted = cluster::doubt(membership_, name); !noted) return noted;
    }
    return file_.save(membership_);
}

// Markers that were made after the epoch in force was raised: no transaction has committed by them.
void Keeper::Core::catch_up(std::uint64_t refused_under) {
    const TimePoint now = SteadyClock::now();
    if (refused_under < membership_.epoch || now < catch_up_at_) return;
    catch_up_at_ = now + kCatchUpAgain;
    Settlement settlement(*in_use_, membership_, fences_, may_be_built_on_, thread_.stopping());
    const Result<bool> was_behind = settlement.catch_up(kInFlight);
    if (thread_.stopping() || (was_behind && *was_behind)) return;
    is_deposed_ = settlement.has_rival();
    if (is_deposed_) return close(was_behind.error().message);
    log::warning("mark_refused",
                 {{"epoch", membership_.epoch},
                  {"reason", was_behind ? "no such slot, or its markers were changed by somebody else"
                                        : was_behind.error().message}});
}

// It is ended when the next epoch begins. A node that cannot be reached just now may come back with it, or
// will be taken out for that.
void Keeper::Core::end_left(std::uint64_t left_under) {
    to_end_ = std::max(to_end_, left_under);
    if (to_end_ < membership_.epoch || !may_decide()) return;
    Settlement settlement(*in_use_, membership_, fences_, may_be_built_on_, thread_.stopping());
    if (!settlement.connect().empty()) return;
    static_cast<void>(change(settlement, {}));
}

void Keeper::Core::use_config() {
    auto next = cluster::fit(membership_, names_of(*in_use_), wall_now());
    if (!next) return log::error("membership_kept", {{"reason", next.error().message}});
    if (*next == membership_) return;
    if (!is_open_) {
        membership_ = std::move(*next);
        return publish_(membership_, false);
    }
    if (!may_decide()) return;
    Settlement settlement(*in_use_, std::move(*next), fences_, may_be_built_on_, thread_.stopping());
    static_cast<void>(change(settlement, {}));
}

void Keeper::Core::serve(Request& request) {
    request.done(request.kind == Request::Kind::Attach ? attach(request) : detach(request));
}

Result<std::string> Keeper::Core::detach(const Request& request) {
    if (auto ours = check_lease(); !ours) return tl::unexpected(ours.error());
    if (!is_open_ && lease_ && membership_.find(request.name) != nullptr) {
        released_.insert(request.name);
        return fmt::format("the cluster is taken over without node \"{}\"", request.name);
    }
    Membership next = membership_;
    if (auto evicted = cluster::evict(next, request.name, request.reason, wall_now()); !evicted)
        return tl::unexpected(evicted.error());
    if (!is_open_) {
        if (auto saved = file_.save(next); !saved) return tl::unexpected(saved.error());
        membership_ = std::move(next);
        publish_(membership_, false);
        return fmt::format("node \"{}\" is detached; the cluster is not open yet", request.name);
    }
    Settlement settlement(*in_use_, membership_, fences_, may_be_built_on_, thread_.stopping());
    if (auto done = change(settlement, {{request.name, request.reason}}); !done)
        return tl::unexpected(done.error());
    return fmt::format("node \"{}\" is detached; epoch {}, main node \"{}\"", request.name, membership_.epoch,
                       membership_.main);
}

// Of an administrator's request.
Result<void> Keeper::Core::check_lease() const {
    if (!lease_ || (is_open_ ? lease_() == opened_under_ : lease_() != 0)) return {};
    return fail(kNotInThatState,
                "this member has not got the lease: ask the one that pgpool-ctl status names");
}

// Who is probed without success would be taken out at once.
Result<void> Keeper::Core::check_probes(const std::string& name) const {
    const cluster::TopologyPtr topology = topology_();
    const auto node = std::ranges::find(topology->nodes, name, &cluster::NodeStatus::name);
    if (node == topology->nodes.end() || node->reach == cluster::Reach::Ok) return {};
    return fail(kNotInThatState,
                fmt::format("node \"{}\": its last probe failed: {}", name, to_string(node->reach)));
}

Result<std::string> Keeper::Core::attach(const Request& request) {
    if (auto ours = check_lease(); !ours) return tl::unexpected(ours.error());
    Membership next = membership_;
    if (auto attached = cluster::attach(next, request.name, wall_now()); !attached)
        return tl::unexpected(attached.error());
    if (request.proof == cluster::Proof::None) {
        return fail(kNotInThatState,
                    fmt::format("nobody has verified that node \"{0}\" holds the same data as the others; "
                                "compare them with pgpool-ctl verify, then say PGPOOL ATTACH NODE {0} FORCE",
                                request.name));
    }
    if (!is_open_) return fail(kNotInThatState, "the cluster is not open: " + waiting_for_);
    if (auto alive = check_probes(request.name); !alive) return tl::unexpected(alive.error());
    Settlement settlement(*in_use_, std::move(next), fences_, may_be_built_on_, thread_.stopping());
    settlement.take_newcomer(request.name);
    const auto failed = settlement.connect();
    if (const auto newcomer = failed.find(request.name); newcomer != failed.end())
        return fail(kNotInThatState, fmt::format("node \"{}\": {}", request.name, newcomer->second));
    if (auto able = settlement.check_prepares(); !able) return tl::unexpected(able.error());
    if (auto done = change(settlement, {}); !done) return tl::unexpected(done.error());
    if (const cluster::Member* member = membership_.find(request.name); !member->is_attached)
        return fail(kNotInThatState, fmt::format("node \"{}\": {}", request.name, member->reason));
    return fmt::format("node \"{}\" is attached; epoch {}", request.name, membership_.epoch);
}

Keeper::Keeper(config::ConfigPtr config, Topology topology, Publish publish, RaiseSequence raise_sequence,
               MayBeBuiltOn may_be_built_on, Lease lease)
    : core_(std::make_unique<Core>(std::move(config), std::move(topology), std::move(publish),
                                   std::move(raise_sequence), std::move(may_be_built_on), std::move(lease))) {
}
Keeper::~Keeper() = default;

void Keeper::load() {
    core_->load();
}
void Keeper::start() {
    core_->start();
}
void Keeper::stop() {
    core_->stop();
}
void Keeper::reload(config::ConfigPtr config) {
    core_->reload(std::move(config));
}
void Keeper::report(NodeId node, std::uint64_t seen_epoch, cluster::Sign sign, std::string reason) {
    core_->add_loss(node, {seen_epoch, sign, std::move(reason)});
}
void Keeper::mark_refused(std::uint64_t seen_epoch) {
    core_->add_refused_mark(seen_epoch);
}
void Keeper::prepared_left(std::uint64_t seen_epoch) {
    core_->add_left(seen_epoch);
}
void Keeper::suspected(const std::vector<cluster::Suspect>& suspects, std::uint64_t seen_epoch) {
    for (const cluster::Suspect& suspect : suspects) {
        core_->add_loss(suspect.node,
                        {seen_epoch, cluster::Sign::Gone, fmt::format("probes failed: {}", suspect.reason)});
    }
}
void Keeper::attach(std::string name, cluster::Proof proof, Done done) {
    core_->add_request({Request::Kind::Attach, std::move(name), proof, {}, std::move(done)});
}
void Keeper::detach(std::string name, std::string reason, Done done) {
    core_->add_request(
        {Request::Kind::Detach, std::move(name), cluster::Proof::None, std::move(reason), std::move(done)});
}

}  // namespace pgpool::keeper
