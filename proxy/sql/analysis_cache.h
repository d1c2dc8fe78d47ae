// SPDX-License-Identifier: PostgreSQL
#pragma once

// AnalysisCache: texts whose analysis is known, by fingerprint, least recently used out first.
//
// Invariants: (1) a hit allocates nothing, locks nothing and does not run the parser; (2) an info that
// depends on literals is found by its whole text only; (3) neither bound, entries nor bytes, is ever passed;
// (4) texts that the analyzer calls unreadable, and those of the admin database, are not kept. Two texts with
// the same 128 bits would be taken for one; the seed keeps clients from preparing that.
//
// `Payload` is what others want to keep with an analysis (route::CachedVerdict); it is default-constructed
// with a new entry and theirs to change. Threads: one worker only.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/sql/analyzer.h"
#include "proxy/sql/lexer.h"
#include "proxy/sql/statement.h"

namespace pgpool::sql {

// From Fingerprint to a small number, with the order of use. Chained hashing in arrays of fixed size.
class LruIndex {
public:
    using Slot = std::uint32_t;
    static constexpr Slot kNone = ~Slot{0};

    explicit LruIndex(std::size_t capacity);

    [[nodiscard]] Slot find(const Fingerprint& key);    // and makes it the youngest
    [[nodiscard]] Slot insert(const Fingerprint& key);  // REQUIRES: size() < capacity(), key not in here
    void erase(Slot slot);
    [[nodiscard]] Slot oldest() const { return oldest_; }  // kNone if empty
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::size_t capacity() const { return nodes_.size(); }

private:
    struct Node {
        Fingerprint key;
        Slot next = kNone;  // in its bucket, or in the list of free slots
        Slot older = kNone;
        Slot younger = kNone;
    };

    [[nodiscard]] Slot& bucket(const Fingerprint& key) { return buckets_[key.lo & (buckets_.size() - 1)]; }
    void link_youngest(Slot slot);
    void unlink(Slot slot);

    std::vector<Node> nodes_;
    std::vector<Slot> buckets_;
    Slot free_ = kNone;
    Slot oldest_ = kNone;
    Slot youngest_ = kNone;
    std::size_t size_ = 0;
};

// Bytes of memory that an info takes, about.
[[nodiscard]] std::size_t footprint(const StatementInfo& info);

struct CacheLimits {
    std::size_t entries = 10'000;
    std::size_t bytes = std::size_t{64} << 20U;
};

struct CacheStats {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::uint64_t uncached = 0;  // never kept, see invariant 4
    std::uint64_t evictions = 0;
};

template <typename Payload>
class AnalysisCache {
public:
    struct Entry {
        StatementInfoPtr info;
        Payload payload{};
    };

    // `seed`: random, drawn at start.
    AnalysisCache(CacheLimits limits, std::uint64_t seed, std::size_t max_text = Analyzer::kDefaultMaxText)
        : limits_(limits), seed_(seed), analyzer_(max_text), index_(limits.entries) {}

    // ENSURES: the entry's info is not null. Valid until the next call of a member.
    Entry& analyze(std::string_view sql, const AnalyzeOptions& options = {}) {
        if (options.admin_database || !analyzer_.readable(sql, options)) return uncached(sql, options);
        const Fingerprint shape = fingerprint(sql, seed_);
        if (Entry* known = find(shape)) return *known;
        const Fingerprint text = text_fingerprint(sql, seed_);
        if (Entry* known = find(text)) return *known;
        ++stats_.misses;
        StatementInfoPtr info = analyzer_.analyze(sql, options);
        const Fingerprint& key = info->depends_on_literals ? text : shape;
        return keep(key, std::move(info));
    }

    // The same for texts that come again word by word, as those of Parse do: they are found without reading
    // them token by token.
    Entry& analyze_repeated(std::string_view sql, const AnalyzeOptions& options = {}) {
        if (options.admin_database || !analyzer_.readable(sql, options)) return uncached(sql, options);
        const Fingerprint text = text_fingerprint(sql, seed_);
        Repeated& repeated = repeated_[text.lo % kRepeated];
        if (repeated.text == text) {
            if (Entry* known = find(repeated.key)) return *known;
        }
        Entry& entry = analyze(sql, options);
        repeated = {text, entry.info->depends_on_literals ? text : fingerprint(sql, seed_)};
        return entry;
    }

    void clear() {
        while (index_.size() > 0) evict();
    }

    [[nodiscard]] const CacheStats& stats() const { return stats_; }
    [[nodiscard]] std::size_t size() const { return index_.size(); }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }

private:
    Entry* find(const Fingerprint& key) {
        const LruIndex::Slot slot = index_.find(key);
        if (slot == LruIndex::kNone) return nullptr;
        ++stats_.hits;
        return &entries_[slot];
    }

    Entry& uncached(std::string_view sql, const AnalyzeOptions& options) {
        ++stats_.uncached;
        transient_ = {analyzer_.analyze(sql, options), Payload{}};
        return transient_;
    }

    Entry& keep(const Fingerprint& key, StatementInfoPtr info) {
        const std::size_t cost = footprint(*info) + sizeof(Entry);
        if (index_.capacity() == 0 || cost > limits_.bytes) {
            transient_ = {std::move(info), Payload{}};
            return transient_;
        }
        while (index_.size() == index_.capacity() || bytes_ + cost > limits_.bytes) evict();
        const LruIndex::Slot slot = index_.insert(key);
        if (slot >= entries_.size()) entries_.resize(slot + 1);
        entries_[slot] = {std::move(info), Payload{}};
        bytes_ += cost;
        return entries_[slot];
    }

    void evict() {
        Entry& entry = entries_[index_.oldest()];
        bytes_ -= footprint(*entry.info) + sizeof(Entry);
        entry = {};
        index_.erase(index_.oldest());
        ++stats_.evictions;
    }

    // Which entry is that of a text; the last text of its place wins.
    struct Repeated {
        Fingerprint text;
        Fingerprint key;
    };
    static constexpr std::size_t kRepeated = 1024;

    CacheLimits limits_;
    std::uint64_t seed_;
    std::vector<Repeated> repeated_ = std::vector<Repeated>(kRepeated);
    Analyzer analyzer_;
    LruIndex index_;
    std::vector<Entry> entries_;
    Entry transient_;
    std::size_t bytes_ = 0;
    CacheStats stats_;
};

}  // namespace pgpool::sql
