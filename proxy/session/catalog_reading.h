// SPDX-License-Identifier: PostgreSQL
#pragma once

// How sessions read catalogs by their own connections: by the queries of proxy/health, which reads by them
// what was committed.

#include "proxy/exec/own_facts.h"

namespace pgpool::session {

[[nodiscard]] exec::CatalogReading catalog_reading();

}  // namespace pgpool::session
