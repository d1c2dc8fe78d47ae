// SPDX-License-Identifier: PostgreSQL
#include "ctl/verify/progress.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace pgpool::ctl::verify {

namespace {

constexpr milliseconds kBetweenDrawings{100};
constexpr std::size_t kBar = 30;
constexpr std::size_t kWidth = 79;

}  // namespace

std::string progress_line(const std::string& database, const std::string& object, std::uint64_t done,
                          std::uint64_t estimate, std::size_t width) {
    const std::uint64_t percent = estimate == 0 ? 0 : std::min<std::uint64_t>(100, done * 100 / estimate);
    const auto filled = static_cast<std::size_t>(percent * kBar / 100);
    std::string line = fmt::format("{} [{}{}] {:3}% {}", database, std::string(filled, '#'),
                                   std::string(kBar - filled, ' '), percent, object);
    if (line.size() > width) line.resize(width);
    return line;
}

Progress::Progress(Show show) : is_shown_(show == Show::Bar && ::isatty(STDERR_FILENO) == 1) {}

void Progress::begin(const std::string& database, std::uint64_t estimated_rows) {
    database_ = database;
    estimate_ = estimated_rows;
    done_ = 0;
}

void Progress::at(const std::string& object) {
    object_ = object;
    draw();
}

void Progress::add(std::uint64_t rows) {
    done_ += rows;
    draw();
}

void Progress::draw() {
    const TimePoint now = SteadyClock::now();
    if (!is_shown_ || now - drawn_at_ < kBetweenDrawings) return;
    drawn_at_ = now;
    is_drawn_ = true;
    std::fprintf(stderr, "\r\033[K%s", progress_line(database_, object_, done_, estimate_, kWidth).c_str());
    std::fflush(stderr);
}

void Progress::clear() {
    if (!is_drawn_) return;
    std::fputs("\r\033[K", stderr);
    is_drawn_ = false;
}

}  // namespace pgpool::ctl::verify
