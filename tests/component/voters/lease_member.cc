// SPDX-License-Identifier: PostgreSQL
// A member as a process of its own, to be killed or stopped by a test: campaigns for the lease and goes on
// until its standard input ends. No other member hears of it: the nodes' votes suffice.
//     voters_lease_member FOLDER MEMBER PORT...

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "tests/component/voters/lease_rig.h"

int main(int argc, char** argv) {
    using namespace pgpool;
    using namespace pgpool::voters;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (argc < 4) return 2;
    std::vector<std::uint16_t> ports;
    for (int i = 3; i < argc; ++i) ports.push_back(static_cast<std::uint16_t>(std::atoi(argv[i])));
    Meeting nobody;
    Member member(settings_of(argv[1], static_cast<std::uint16_t>(std::atoi(argv[2])), ports), nobody);
    member.thread().campaign({});
    char byte = 0;
    while (::read(STDIN_FILENO, &byte, 1) > 0) {
    }
    return 0;
}
