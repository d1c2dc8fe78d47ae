// SPDX-License-Identifier: PostgreSQL
#pragma once

#include "common/config/diff.h"

namespace pgpool::log {

// What a reload has found: that it is in force, or that it needs a restart. Threads: any.
void change(const config::Change& change);

}  // namespace pgpool::log
