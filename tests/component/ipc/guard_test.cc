// SPDX-License-Identifier: PostgreSQL
#include "common/ipc/guard.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

#include "common/base/unique_fd.h"
#include "common/ipc/frame.h"

namespace pgpool::ipc {
namespace {

struct Pair {
    UniqueFd reader;
    UniqueFd writer;

    Pair() {
        std::array<int, 2> ends{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends.data()), 0);
        reader.reset(ends[0]);
        writer.reset(ends[1]);
    }
    void write(const std::string& bytes) const {
        EXPECT_EQ(::send(writer.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    }
    void read() const {
        std::array<char, 100> waste{};
        EXPECT_GT(::recv(reader.get(), waste.data(), waste.size(), MSG_DONTWAIT), 0);
    }
};

const Credentials kThisProcess{.pid = ::getpid(), .uid = ::getuid(), .gid = ::getgid()};

std::string frame() {
    return *to_frame(bus::Refusal{}).value();
}

TEST(Guard, WhatCameBeforeItHasNoStampAndIsDropped) {
    const Pair pair;
    pair.write(frame());
    Guard guard(pair.reader.get(), kThisProcess);
    EXPECT_FALSE(guard.is_next_genuine());
    EXPECT_EQ(guard.dropped(), 1U);
    pair.write(frame());
    EXPECT_TRUE(guard.is_next_genuine());
    EXPECT_TRUE(guard.is_next_genuine()) << "it only looks";
    pair.read();
    EXPECT_FALSE(guard.is_next_genuine());
    EXPECT_EQ(guard.dropped(), 1U);
}

TEST(Guard, AnotherPidOrUidIsForeign) {
    for (const Credentials& peer : {Credentials{kThisProcess.pid + 1, kThisProcess.uid, 0},
                                    Credentials{kThisProcess.pid, kThisProcess.uid + 1, 0}}) {
        const Pair pair;
        Guard guard(pair.reader.get(), peer);
        pair.write(frame());
        EXPECT_FALSE(guard.is_next_genuine());
        EXPECT_EQ(guard.dropped(), 1U);
    }
}

TEST(Guard, TheGenuineOneBehindForeignOnesIsFound) {
    const Pair pair;
    Guard guard(pair.reader.get(), kThisProcess);
    pair.write("");
    pair.write("not a frame");
    pair.write(frame() + "longer than its header says");
    pair.write(frame());
    EXPECT_TRUE(guard.is_next_genuine());
    EXPECT_EQ(guard.dropped(), 3U);
}

}  // namespace
}  // namespace pgpool::ipc
