// SPDX-License-Identifier: PostgreSQL
#include "common/obs/log_change.h"

#include "common/obs/log.h"

namespace pgpool::log {

void change(const config::Change& change) {
    if (change.reload == config::Reload::Restart)
        warning("parameter_needs_restart", {{"change", config::to_string(change)}});
    else
        info("parameter_changed", {{"change", config::to_string(change)}});
}

}  // namespace pgpool::log
