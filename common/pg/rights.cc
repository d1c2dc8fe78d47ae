// SPDX-License-Identifier: PostgreSQL
#include "common/pg/rights.h"

#include "common/pg/sql_text.h"

namespace pgpool::pg {

std::string rights_query(std::span<const Right> rights) {
    std::string sql;
    for (const Right& right : rights) sql.append(sql.empty() ? "SELECT " : ", ").append(right.condition);
    return sql;
}

std::string missing_grants(std::span<const Right> rights, const Rows& rows, std::string_view role) {
    std::string missing;
    for (std::size_t i = 0; i < rights.size(); ++i) {
        if (!rows.empty() && i < rows.columns() && rows.is_true(0, i)) continue;
        missing.append(missing.empty() ? "" : "; ").append(rights[i].grant).append(quote_identifier(role));
        missing.append(rights[i].rest);
    }
    return missing;
}

}  // namespace pgpool::pg
