// SPDX-License-Identifier: PostgreSQL
#include "proxy/sql/analysis_cache.h"

#include <bit>
#include <string>

#include "common/base/error.h"

namespace pgpool::sql {

LruIndex::LruIndex(std::size_t capacity) : nodes_(capacity), buckets_(std::bit_ceil(capacity + 1), kNone) {
    PGPOOL_ASSERT(capacity < kNone);
    for (std::size_t i = capacity; i > 0; --i) {
        nodes_[i - 1].next = free_;
        free_ = static_cast<Slot>(i - 1);
    }
}

LruIndex::Slot LruIndex::find(const Fingerprint& key) {
    Slot slot = bucket(key);
    while (slot != kNone && nodes_[slot].key != key) slot = nodes_[slot].next;
    if (slot != kNone && slot != youngest_) {
        unlink(slot);
        link_youngest(slot);
    }
    return slot;
}

LruIndex::Slot LruIndex::insert(const Fingerprint& key) {
    PGPOOL_ASSERT(free_ != kNone);
    const Slot slot = free_;
    Node& node = nodes_[slot];
    free_ = node.next;
    node.key = key;
    node.next = std::exchange(bucket(key), slot);
    link_youngest(slot);
    ++size_;
    return slot;
}

void LruIndex::erase(Slot slot) {
    Slot* link = &bucket(nodes_[slot].key);
    while (*link != slot) link = &nodes_[*link].next;
    *link = nodes_[slot].next;
    unlink(slot);
    nodes_[slot].next = std::exchange(free_, slot);
    --size_;
}

void LruIndex::link_youngest(Slot slot) {
    nodes_[slot].younger = kNone;
    nodes_[slot].older = youngest_;
    (youngest_ == kNone ? oldest_ : nodes_[youngest_].younger) = slot;
    youngest_ = slot;
}

void LruIndex::unlink(Slot slot) {
    const Node& node = nodes_[slot];
    (node.older == kNone ? oldest_ : nodes_[node.older].younger) = node.younger;
    (node.younger == kNone ? youngest_ : nodes_[node.younger].older) = node.older;
}

namespace {

std::size_t footprint(const std::vector<ColumnValue>& values) {
    std::size_t bytes = 0;
    for (const ColumnValue& value : values) bytes += sizeof value + value.column.capacity();
    return bytes;
}

std::size_t footprint(const std::vector<std::string>& names) {
    std::size_t bytes = 0;
    for (const std::string& name : names) bytes += sizeof name + name.capacity();
    return bytes;
}

std::size_t footprint(const Change& change) {
    return sizeof change + change.target.schema.capacity() + change.target.name.capacity() +
           change.conflict_constraint.capacity() + footprint(change.given) + footprint(change.assigned) +
           footprint(change.equated) + footprint(change.conflict_columns);
}

std::size_t footprint(const Statement& statement) {
    std::size_t bytes = sizeof statement + statement.name.capacity() + statement.argument.capacity();
    for (const RelationRef& ref : statement.relations) {
        bytes += sizeof ref + ref.schema.capacity() + ref.name.capacity();
    }
    for (const FunctionRef& ref : statement.functions) {
        bytes += sizeof ref + ref.schema.capacity() + ref.name.capacity();
    }
    for (const TypeRef& ref : statement.types)
        bytes += sizeof ref + ref.schema.capacity() + ref.name.capacity();
    bytes += footprint(statement.operators) + footprint(statement.fields) + footprint(statement.columns) +
             footprint(statement.sequences) + footprint(statement.set_sequences) +
             footprint(statement.cast_to_date) +
             footprint(statement.summed) + footprint(statement.moving_literals);
    for (const ParameterUse& use : statement.parameters) bytes += sizeof use + use.column.capacity();
    for (const Change& change : statement.changes) bytes += footprint(change);
    for (const SettingChange& change : statement.settings) {
        bytes += sizeof change + change.name.capacity() + change.value_sql.capacity();
    }
    return bytes + (statement.inner ? footprint(*statement.inner) : 0);
}

}  // namespace

std::size_t footprint(const StatementInfo& info) {
    std::size_t bytes = sizeof info + info.node_hint.capacity();
    for (const Statement& statement : info.statements) bytes += footprint(statement);
    return bytes;
}

}  // namespace pgpool::sql
