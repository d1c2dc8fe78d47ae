// SPDX-License-Identifier: PostgreSQL
#pragma once

// Surroundings: what the sessions of one worker have in common, none of it a socket. Snapshots
// (configuration, topology, catalog facts) are replaced whole between events, never during one.
//
// Pure; one worker only.

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "common/base/clock.h"
#include "common/base/raise.h"
#include "common/cluster/topology.h"
#include "common/config/config.h"
#include "proxy/exec/commit_gate.h"
#include "proxy/exec/ddl_commits.h"
#include "proxy/exec/login_marks.h"
#include "proxy/exec/name_values.h"
#include "proxy/exec/own_facts.h"
#include "proxy/exec/prepared.h"
#include "proxy/exec/statistics.h"
#include "proxy/route/classify.h"
#include "proxy/sql/analysis_cache.h"
#include "proxy/sql/analyzer.h"

namespace pgpool::exec {

// What happened in a database, as seen by all workers. Threads: any.
class DatabaseMarks {
public:
    [[nodiscard]] std::uint64_t ddl_epoch() const { return ddl_epoch_.load(std::memory_order_acquire); }
    void ddl_seen(TimePoint now) {
        ddl_epoch_.fetch_add(1, std::memory_order_acq_rel);
        raise(last_ddl_, now.time_since_epoch().count());
    }
    // Facts that are loaded meanwhile may be those of before or of after.
    [[nodiscard]] bool is_ddl_committing() const { return ddl_commits.is_any(); }
    [[nodiscard]] std::uint64_t ddl_begun() const { return ddl_commits.begun() + bare_ddl.begun(); }
    [[nodiscard]] bool is_ddl_under_way() const { return ddl_commits.is_any() || bare_ddl.is_any(); }
    DdlCommits ddl_commits;   // of transactions
    DdlCommits code_commits;  // ... that may replace a function or a type
    DdlCommits bare_ddl;      // what runs outside of transactions: all of its run
    [[nodiscard]] TimePoint last_ddl() const {
        return TimePoint(Duration(last_ddl_.load(std::memory_order_acquire)));
    }
    // When anybody last wrote, for consistency: global.
    [[nodiscard]] TimePoint last_write() const {
        return TimePoint(Duration(last_write_.load(std::memory_order_acquire)));
    }
    void written_at(TimePoint time) { raise(last_write_, time.time_since_epoch().count()); }
    // Mode replication: main may have moved a sequence that the others have not; somebody looks at that time.
    void sequences_moved(TimePoint look_at) {
        Duration::rep nobody = 0;
        look_at_sequences_.compare_exchange_strong(nobody, look_at.time_since_epoch().count());
    }
    [[nodiscard]] bool take_sequences(TimePoint now) {  // true: the time has come; it is over then
        const Duration::rep at = look_at_sequences_.load(std::memory_order_acquire);
        if (at == 0 || at > now.time_since_epoch().count()) return false;
        look_at_sequences_.store(0, std::memory_order_release);
        return true;
    }

private:
    std::atomic<std::uint64_t> ddl_epoch_{0};
    std::atomic<Duration::rep> last_ddl_{0};
    std::atomic<Duration::rep> last_write_{0};
    std::atomic<Duration::rep> look_at_sequences_{0};  // 0: nothing has happened
};

// Holds `marks` and all `commits` at "DDL commits" until it ends, however that comes.
class DdlCommit {
public:
    DdlCommit(std::shared_ptr<DatabaseMarks> marks, std::vector<DdlCommits*> commits)
        : marks_(std::move(marks)), commits_(std::move(commits)) {
        for (DdlCommits* one : commits_) one->begins();
    }
    ~DdlCommit() {
        marks_->ddl_seen(SteadyClock::now());
        for (DdlCommits* one : commits_) one->ends();
    }
    DdlCommit(const DdlCommit&) = delete;
    DdlCommit& operator=(const DdlCommit&) = delete;

private:
    const std::shared_ptr<DatabaseMarks> marks_;
    const std::vector<DdlCommits*> commits_;
};

// One database as the sessions of one worker see it.
struct Database {
    std::string name;
    sql::CatalogFactsPtr facts;  // null: not loaded yet
    std::shared_ptr<DatabaseMarks> marks = std::make_shared<DatabaseMarks>();
    bool is_admin = false;
};

class Surroundings {
public:
    Surroundings(config::ConfigPtr config, std::string statement_prefix, std::uint64_t seed);

    config::ConfigPtr config;
    cluster::TopologyPtr topology;
    // Mode replication: what transactions that commit need, see common/markers/setup.h.
    std::atomic<std::uint64_t>* next_sequence = nullptr;
    std::vector<std::uint32_t> free_slots;
    // Their last transaction may be left prepared on a node: free under a later epoch than that.
    struct HeldSlot {
        std::uint32_t slot = 0;
        std::uint64_t epoch = 0;
    };
    std::vector<HeldSlot> held_slots;
    CatalogReading catalog_reading;    // the same: see OwnFacts
    LoginMarks* logins = nullptr;      // null: nobody looks
    CommitGate* gate = nullptr;        // the same
    DdlCommits* shared_ddl = nullptr;  // the same; of roles, databases and what else all databases share
    TimePoint now;                     // of this turn of the event loop
    NodeStatistics node_statistics;
    PoolStatistics statistics_of_nobody;  // of sessions that were not told where to count
    NameValuesTable names;
    PreparedRegistry prepared;
    // Parameters that a server reports after a login with these startup settings; forgotten when nodes or
    // settings change.
    std::map<std::tuple<std::string, std::string, NameValuesPtr>, NameValuesPtr> parameters;

    static constexpr std::size_t kMaxAnalyzedText = std::size_t{256} << 10U;

    void replace_config(config::ConfigPtr next);

    struct Analysed {  // valid until the next analyze()
        const sql::StatementInfoPtr& info;
        route::CachedVerdict* slot;
    };
    [[nodiscard]] Analysed analyze(std::string_view sql, const sql::AnalyzeOptions& options);
    [[nodiscard]] Analysed analyze_repeated(std::string_view sql,
                                            const sql::AnalyzeOptions& options);  // the text of a Parse
    [[nodiscard]] const route::RoutingFunctions& functions() const { return functions_; }
    [[nodiscard]] std::uint64_t config_version() const { return config_version_; }

    // The position a reader must see who must see all that was written up to `written`; the highest possible
    // while no probe was sent since. 0: nothing was written.
    [[nodiscard]] Lsn position_after(TimePoint written) const;

    [[nodiscard]] std::uint64_t random();  // xorshift64*, Vigna 2016: for load balancing, not for secrets

private:
    sql::AnalysisCache<route::CachedVerdict> cache_;
    route::RoutingFunctions functions_;
    std::uint64_t config_version_ = 1;
    std::uint64_t random_state_;
};

}  // namespace pgpool::exec
