// SPDX-License-Identifier: PostgreSQL
#include "proxy/sql/schema_elements.h"

#include <algorithm>
#include <iterator>
#include <vector>

namespace pgpool::sql {

namespace {

template <typename T>
void append(std::vector<T>& to, std::vector<T>&& from) {
    std::move(from.begin(), from.end(), std::back_inserter(to));
}

void add_names(Statement& to, Statement& element) {
    append(to.relations, std::move(element.relations));
    append(to.functions, std::move(element.functions));
    append(to.types, std::move(element.types));
    append(to.operators, std::move(element.operators));
    append(to.fields, std::move(element.fields));
    append(to.columns, std::move(element.columns));
    append(to.sequences, std::move(element.sequences));
    append(to.set_sequences, std::move(element.set_sequences));
    append(to.moving_literals, std::move(element.moving_literals));
    append(to.cast_to_date, std::move(element.cast_to_date));
    append(to.summed, std::move(element.summed));
}

void add_marks(Statement& to, const Statement& element) {
    to.outside_transaction_only |= element.outside_transaction_only;
    to.has_unclear_sequence |= element.has_unclear_sequence;
    to.user_operators |= element.user_operators;
    to.has_strings |= element.has_strings;
    to.has_loose_moving_literal |= element.has_loose_moving_literal;
    to.names_objects |= element.names_objects;
    to.names_moment |= element.names_moment;
    to.reads_system_columns |= element.reads_system_columns;
    to.is_unlogged |= element.is_unlogged;
    to.hashes_numbers |= element.hashes_numbers;
    to.stores_moment |= element.stores_moment;
    if (!element.varies.empty()) to.varies = element.varies;
    if (!element.picks.empty()) to.picks = element.picks;
    if (!element.node_specific.empty()) to.node_specific = element.node_specific;
}

}  // namespace

void add_schema_element(Statement& to, Statement element, std::string_view schema) {
    for (RelationRef& ref : element.relations) {
        if (element.creates && ref.access == Access::Write && ref.schema.empty()) ref.schema = schema;
    }
    // A temporary object would keep the whole statement on the main node.
    if (has(element.leaves, Leaves::TempObject)) to.node_specific = "a temporary object in CREATE SCHEMA";
    to.creates = true;
    add_names(to, element);
    add_marks(to, element);
}

}  // namespace pgpool::sql
