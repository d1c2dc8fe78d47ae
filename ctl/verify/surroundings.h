// SPDX-License-Identifier: PostgreSQL
#pragma once

// What the comparisons within one database share. All of it outlives them.

#include <string>

#include "ctl/options.h"
#include "ctl/verify/fleet.h"
#include "ctl/verify/progress.h"
#include "ctl/verify/report.h"

namespace pgpool::ctl::verify {

struct Surroundings {
    Fleet& fleet;
    const Options& options;
    const std::string& database;
    Report& report;
    Progress& progress;

    // "database: text"
    void note(const std::string& text) const { report.notes.push_back(database + ": " + text); }
};

}  // namespace pgpool::ctl::verify
