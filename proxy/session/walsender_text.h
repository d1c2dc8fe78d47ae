// SPDX-License-Identifier: PostgreSQL
#pragma once

// Texts of replication connections with a database (replication=database), which are understood in two ways:
// as commands of the replication grammar (PG documentation 55.4), or as SQL, which the node would execute by
// itself alone. In mode replication that must not write.
//
// Pure.

#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/wire/decoder.h"
#include "proxy/sql/catalog_facts.h"

namespace pgpool::session {

inline constexpr std::size_t kMaxWalsenderText = std::size_t{64} << 10U;

// Its first word decides, as the node does: in capital letters, with nothing but white space before it.
[[nodiscard]] bool is_replication_command(std::string_view text);

// Why the SQL must not be passed on, in words; empty: it writes nothing. `encoding`: of the client.
[[nodiscard]] std::string why_not_passed_on(std::string_view text, const sql::CatalogFacts& facts,
                                            std::string_view encoding);

// The text of a Query, without its zero byte.
[[nodiscard]] std::string_view text_of_query(const wire::Frame& query);

}  // namespace pgpool::session
