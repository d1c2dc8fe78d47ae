// SPDX-License-Identifier: PostgreSQL
#pragma once

// Compares where the sequences of one database stand.

#include "ctl/verify/surroundings.h"

namespace pgpool::ctl::verify {

// REQUIRES: no node is a standby: sequences run ahead there.
[[nodiscard]] Answer<void> compare_sequences(const Surroundings& in);

}  // namespace pgpool::ctl::verify
