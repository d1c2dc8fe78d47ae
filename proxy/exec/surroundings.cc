// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/surroundings.h"

#include <utility>

#include "proxy/route/plan.h"

namespace pgpool::exec {

namespace {

// Mode replication: what is not understood is refused, so a text may be large if string literals make it so.
// Of one with many small parts the parser would need a hundred times its size.
constexpr std::size_t kMaxWithLiterals = std::size_t{16} << 20U;
constexpr std::string_view kUnreadable{"\0", 1};

std::size_t size_without_literals(std::string_view sql) {
    std::size_t size = 0;
    bool is_within = false;
    for (const char c : sql) {
        size += is_within ? 0U : 1U;
        is_within ^= c == '\'';
    }
    return size;
}

std::string_view readable(std::string_view sql) {
    const bool is_small = sql.size() <= Surroundings::kMaxAnalyzedText ||
                          size_without_literals(sql) <= Surroundings::kMaxAnalyzedText;
    return is_small ? sql : kUnreadable;
}

std::size_t max_text(config::ClusterMode mode) {
    return mode == config::ClusterMode::Replication ? kMaxWithLiterals : Surroundings::kMaxAnalyzedText;
}

}  // namespace

Surroundings::Surroundings(config::ConfigPtr the_config, std::string statement_prefix, std::uint64_t seed)
    : config(std::move(the_config)),
      topology(std::make_shared<const cluster::Topology>()),
      prepared(std::move(statement_prefix)),
      cache_({.entries = config->routing.analysis_cache_entries}, seed, max_text(config->mode)),
      functions_(config->routing, config->mode),
      random_state_(seed | 1U) {}

void Surroundings::replace_config(config::ConfigPtr next) {
    config = std::move(next);
    functions_ = route::RoutingFunctions(config->routing, config->mode);
    ++config_version_;
    parameters.clear();
}

Surroundings::Analysed Surroundings::analyze(std::string_view sql, const sql::AnalyzeOptions& options) {
    auto& entry = cache_.analyze(readable(sql), options);
    return {entry.info, &entry.payload};
}

Surroundings::Analysed Surroundings::analyze_repeated(std::string_view sql,
                                                      const sql::AnalyzeOptions& options) {
    auto& entry = cache_.analyze_repeated(readable(sql), options);
    return {entry.info, &entry.payload};
}

Lsn Surroundings::position_after(TimePoint written) const {
    if (written == TimePoint{}) return Lsn{};
    if (topology->written_at > written) return topology->written;
    return route::kPositionUnknown;
}

std::uint64_t Surroundings::random() {
    random_state_ ^= random_state_ >> 12U;
    random_state_ ^= random_state_ << 25U;
    random_state_ ^= random_state_ >> 27U;
    return random_state_ * 2685821657736338717U;
}

}  // namespace pgpool::exec
