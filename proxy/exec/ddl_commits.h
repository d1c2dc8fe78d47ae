// SPDX-License-Identifier: PostgreSQL
#pragma once

// DdlCommits, DdlWatch: in which order DDL of one transaction and the commit of another one's DDL come
// (docs/adr/0021-order-of-ddl.md). On all nodes the same only if they do not overlap: what finds nothing by
// name takes no lock that could keep them apart.

#include <atomic>
#include <cstdint>
#include <optional>

namespace pgpool::exec {

// Commits of DDL: each from before main is told to commit until all nodes have confirmed it. Threads: any.
class DdlCommits {
public:
    void begins() { begun_.fetch_add(1); }
    void ends() { ended_.fetch_add(1); }
    [[nodiscard]] std::uint64_t begun() const { return begun_.load(); }
    [[nodiscard]] bool is_any() const {
        const std::uint64_t ended = ended_.load();  // first: then all that had begun by now have ended
        return begun_.load() != ended;
    }

private:
    std::atomic<std::uint64_t> begun_{0};
    std::atomic<std::uint64_t> ended_{0};
};

// Of one transaction, and of those commits that concern it. Whoever asks in this order, seen() before
// is_any(), finds each commit either under way or among those that have begun since. Pure; one worker only.
class DdlWatch {
public:
    // As many have begun before the next statement is sent.
    void seen(std::uint64_t begun) { seen_ = begun; }
    [[nodiscard]] std::uint64_t seen() const { return seen_; }
    // It is sent. `is_ddl`: it must not be overtaken.
    void sent(bool is_ddl) {
        if (!first_) first_ = seen_;
        if (is_ddl) must_not_be_overtaken(seen_);
    }
    void must_not_be_overtaken(std::uint64_t begun) {
        if (!open_) open_ = begun;
    }
    // All nodes have executed what was sent.
    void executed() { open_.reset(); }
    [[nodiscard]] bool is_overtaken(std::uint64_t begun) const { return open_ && *open_ != begun; }
    // A node that does all of it anew meets what main has met.
    [[nodiscard]] bool may_repeat(std::uint64_t begun) const { return !first_ || *first_ == begun; }

private:
    std::uint64_t seen_ = 0;
    std::optional<std::uint64_t> first_;
    std::optional<std::uint64_t> open_;
};

}  // namespace pgpool::exec
