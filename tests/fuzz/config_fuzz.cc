// SPDX-License-Identifier: PostgreSQL

// Input: the text of a configuration file. Checked besides memory safety: the parser returns either a config
// or errors that can be printed; a config written as YAML and parsed again is the same; a config does not
// differ from itself; a reload from it and to it leaves nothing half way.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/base/error.h"
#include "common/config/diff.h"
#include "common/config/parser.h"
#include "common/config/render.h"

namespace {

using namespace pgpool::config;

void check_config(const Config& config) {
    const ParseOutcome again = parse(to_yaml(config, Secrets::Clear), "again");
    PGPOOL_ASSERT(again.config.has_value());
    PGPOOL_ASSERT(*again.config == config);
    PGPOOL_ASSERT(!rows_of(config).empty());
    PGPOOL_ASSERT(changes(config, config).empty());
    const Config effective = effective_config(default_config(), config);
    for (const Change& change : changes(effective, config)) PGPOOL_ASSERT(change.reload == Reload::Restart);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ParseOutcome outcome = parse({reinterpret_cast<const char*>(data), size}, "fuzz");
    PGPOOL_ASSERT(outcome.config.has_value() == outcome.errors.empty());
    for (const ConfigError& error : outcome.errors) PGPOOL_ASSERT(!to_string(error).empty());
    if (outcome.config) check_config(*outcome.config);
    return 0;
}
