// SPDX-License-Identifier: PostgreSQL
#include "common/bus/version.h"

namespace pgpool::bus {

const Version kVersion = kNewest;

}  // namespace pgpool::bus
