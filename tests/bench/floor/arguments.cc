// SPDX-License-Identifier: PostgreSQL
#include "tests/bench/floor/arguments.h"

#include <fmt/core.h>
#include <getopt.h>

#include <array>
#include <cstdlib>
#include <string_view>

namespace pgpool::floor {

namespace {

enum Long : int { kOther = 256, kEpoch, kLogPrefix, kSampling };

constexpr std::array<option, 5> kLongOptions{{{"other", required_argument, nullptr, kOther},
                                              {"epoch", required_argument, nullptr, kEpoch},
                                              {"log-prefix", required_argument, nullptr, kLogPrefix},
                                              {"sampling-rate", required_argument, nullptr, kSampling},
                                              {nullptr, 0, nullptr, 0}}};

[[noreturn]] void usage() {
    fmt::print(stderr,
               "usage: bench_floor -h HOST -p PORT --other PORT --epoch N -U USER -M simple|prepared\n"
               "                   -b tpcb-like | -f .../update.sql -s SCALE -c CLIENTS -T SECONDS -l\n"
               "                   --log-prefix PREFIX --sampling-rate RATE DATABASE\n"
               "-j and -P are ignored: one thread, and progress is told each second.\n");
    std::exit(2);
}

void take(Arguments& found, int name, std::string_view value) {
    switch (name) {
        case 'h':
            found.host = value;
            return;
        case 'p':
            found.port = value;
            return;
        case kOther:
            found.other = value;
            return;
        case 'U':
            found.user = value;
            return;
        case 'M':
            found.prepared = value == "prepared";
            return;
        case 'b':
            found.script = Script::Tpcb;
            return;
        case 'f':
            found.script = Script::Update;
            return;
        case 'c':
            found.clients = std::atoi(value.data());
            return;
        case 'T':
            found.seconds = std::atoi(value.data());
            return;
        case 's':
            found.scale = std::atoi(value.data());
            return;
        case kEpoch:
            found.epoch = std::strtoull(value.data(), nullptr, 10);
            return;
        case kLogPrefix:
            found.log_prefix = value;
            return;
        case kSampling:
            found.sampling = std::atof(value.data());
            return;
        case 'j':
        case 'P':
        case 'l':
            return;
        default:
            usage();
    }
}

}  // namespace

Arguments parse_arguments(int argc, char** argv) {
    Arguments found;
    for (int name = 0;
         (name = getopt_long(argc, argv, "h:p:U:M:b:f:c:j:T:P:s:l", kLongOptions.data(), nullptr)) != -1;)
        take(found, name, optarg != nullptr ? optarg : "");
    if (optind < argc) found.database = argv[optind];
    if (found.port.empty() || found.other.empty() || found.clients < 1 || found.seconds < 1) usage();
    return found;
}

}  // namespace pgpool::floor
