// SPDX-License-Identifier: PostgreSQL
#pragma once

#include <string_view>

#include "proxy/sql/statement.h"

namespace pgpool::sql {

// Adds to CREATE SCHEMA what one of its elements is as a statement by itself: CREATE TABLE, CREATE VIEW,
// GRANT
// ... `schema`: the name of the new one; empty: not known. What the element makes is in it, so nothing of it
// is a temporary object, whatever its name is; one that asks for a temporary object fails.
void add_schema_element(Statement& to, Statement element, std::string_view schema);

}  // namespace pgpool::sql
