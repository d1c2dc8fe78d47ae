// SPDX-License-Identifier: PostgreSQL
#pragma once

// Taint: which points of a graph reach a bad one. Pure; linear in points and edges, cycles are fine.

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace pgpool::health {

class Taint {
public:
    using Point = std::uint32_t;

    explicit Taint(std::size_t points) : is_bad_(points, false), reached_from_(points) {}

    // `from` is bad if `to` is.
    void depend(Point from, Point to) { reached_from_[to].push_back(from); }
    void mark(Point point) {
        if (is_bad_[point]) return;
        is_bad_[point] = true;
        fresh_.push_back(point);
    }
    void spread() {
        while (!fresh_.empty()) {
            const Point point = fresh_.back();
            fresh_.pop_back();
            for (const Point dependent : reached_from_[point]) mark(dependent);
        }
    }
    [[nodiscard]] bool is_bad(Point point) const { return is_bad_[point]; }

private:
    std::vector<bool> is_bad_;
    std::vector<std::vector<Point>> reached_from_;
    std::vector<Point> fresh_;
};

}  // namespace pgpool::health
