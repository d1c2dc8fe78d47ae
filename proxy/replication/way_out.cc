// SPDX-License-Identifier: PostgreSQL
#include "proxy/replication/way_out.h"

#include <algorithm>
#include <array>

namespace pgpool::replication {
namespace {

struct WayOut {
    std::string_view part;  // of the reason
    std::string_view hint;
};

constexpr std::string_view kOneByOne = "Send the statements one by one.";
constexpr std::string_view kEachNode = "Do it on each node.";
constexpr std::string_view kForgets = "DISCARD ALL ends that.";

constexpr auto kWays = std::to_array<WayOut>({
    {"settings that could not be read", kForgets},
    {"code that could not be read", kForgets},
    {"temporary objects other than plain tables", "DISCARD TEMP ends that."},
    {"has no key that stays", "A primary key that the statement does not assign helps."},
    {"in the same text or batch", kOneByOne},
    {"together with other statements", kOneByOne},
    {"in a text with other statements", kOneByOne},
    {"several statements of which one", kOneByOne},
    {"temporary tables and others in one request", kOneByOne},
    {"that is not a Query of its own", "Send it by itself, as a simple query."},
    {"of a text that holds other semicolons", kOneByOne},
    {"another DateStyle than ISO", "SET DateStyle TO ISO helps."},
    {"array_nulls off", "SET array_nulls TO on helps."},
    {"extra_float_digits below 1", "SET extra_float_digits TO 1 helps."},
    {"does not give all characters back",
     "Use the encoding that SHOW server_encoding names as client_encoding."},
    {"prepared under other settings", "PREPARE it again."},
    {"by EXECUTE", "Send the statement itself, or prepare it by the extended protocol."},
    {"SET SESSION AUTHORIZATION in a transaction", "Send it before BEGIN."},
    {"clear password", "Send a SCRAM verifier, as psql does for \\password."},
    {"for rows that are there already",
     "Where a column is added: add it without default, then SET DEFAULT, then UPDATE the rows."},
    {"a constant such as 'now'",
     "In a default write now(); where a column is added, SET DEFAULT after it, then UPDATE the rows."},
    {"FROM CURRENT", "Write the value."},
    {"COPY with DEFAULT", "Leave out of the COPY the columns that take their default."},
    {"ALTER SYSTEM", kEachNode},
    {"a tablespace is a directory of its node", kEachNode},
});

}  // namespace

std::string_view way_out(std::string_view reason) {
    const auto found = std::find_if(kWays.begin(), kWays.end(), [&](const WayOut& way) {
        return reason.find(way.part) != std::string_view::npos;
    });
    return found == kWays.end() ? std::string_view() : found->hint;
}

}  // namespace pgpool::replication
