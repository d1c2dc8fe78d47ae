// SPDX-License-Identifier: PostgreSQL
#pragma once

// LineWriter: lines to a descriptor that nobody waits for. Who reads a log may stand still, and then a lease,
// an address and the clients must not: what finds no room is lost.
//
// Invariants: (1) write() and flush() do not wait for a reader. Of a pipe they do if another process writes
// to the same one and takes the last page of it between two of our calls. A file waits for its disk. (2) A
// line that was begun is ended before another one begins. (3) What is kept is bounded by what is written
// while flush() says true.
// Threads: one at a time.

#include <string>
#include <string_view>

namespace pgpool::log {

class LineWriter {
public:
    explicit LineWriter(int descriptor) : descriptor_(descriptor) {}

    // Whether all that was written is out: otherwise the next line should be given up.
    [[nodiscard]] bool flush();
    // With its end of line; after flush() has said true.
    void write(std::string_view line);

private:
    [[nodiscard]] std::size_t write_some() const;

    int descriptor_;
    std::string rest_;
};

}  // namespace pgpool::log
