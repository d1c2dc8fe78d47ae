// SPDX-License-Identifier: PostgreSQL
#pragma once

// SASLprep (RFC 4013) of a password, as PostgreSQL applies it on both sides of SCRAM.

#include <string>
#include <string_view>

namespace pgpool::auth {

// PostgreSQL's leniency (pg_saslprep's callers): pure ASCII is left as it is, control characters included;
// what is not UTF-8, or contains what SASLprep prohibits or Unicode 3.2 does not assign, is used unprepared.
[[nodiscard]] std::string saslprep(std::string_view password);

}  // namespace pgpool::auth
