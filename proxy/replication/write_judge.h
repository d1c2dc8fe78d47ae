// SPDX-License-Identifier: PostgreSQL
#pragma once

// Judges one statement for write_class.h. Private to this folder.

#include <span>
#include <string>

#include "proxy/replication/write_class.h"

namespace pgpool::replication {

[[nodiscard]] Classified judge_write(const sql::Statement& statement, const sql::CatalogFacts* facts,
                                     std::span<const std::string> temporaries);

// The arguments of EXECUTE, which matter more if what was prepared writes.
[[nodiscard]] Classified judge_arguments(const sql::Statement& execute, const sql::CatalogFacts* facts,
                                         std::span<const std::string> temporaries, WriteClass prepared);

}  // namespace pgpool::replication
