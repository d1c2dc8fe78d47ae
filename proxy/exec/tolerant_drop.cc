// SPDX-License-Identifier: PostgreSQL
#include "proxy/exec/tolerant_drop.h"

#include "common/base/bytes.h"
#include "proxy/sql/lexer.h"

namespace pgpool::exec {

std::string tolerant_drop(std::string_view sql) {
    std::string made(sql);
    sql::Lexer lexer(sql);
    const auto next = [&lexer] { return to_lower_ascii(lexer.next().text); };
    if (next() != "drop" || next() != "index") return made;
    const char* at = lexer.position();
    std::string word = next();
    if (word == "concurrently") at = lexer.position(), word = next();
    if (word != "if") made.insert(static_cast<std::size_t>(at - sql.data()), " IF EXISTS");
    return made;
}

}  // namespace pgpool::exec
